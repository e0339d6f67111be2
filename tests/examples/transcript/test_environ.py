"""Commands of a transcript find the programs of whoever plays it, and print the same anywhere."""

import subprocess
import sys
from collections import UserDict
from collections.abc import Iterator
from pathlib import Path

import pytest

import examples
from examples.transcript.environ import copied, environ_of

REPOSITORY = Path(examples.__file__).parents[1]


class Changing(UserDict[str, str]):
    """An environment from which another thread takes what was just listed."""

    def __iter__(self) -> Iterator[str]:
        names = list(self.data)
        self.data.pop("PYTEST_CURRENT_TEST", None)
        return iter(names)


def test_environment_may_change_while_it_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    changing = Changing({"PYTEST_CURRENT_TEST": "this", "PATH": "/bin"})
    monkeypatch.setattr("os.environ", changing)
    assert copied() == {"PATH": "/bin"}


def test_programs_are_those_of_the_player_then_the_users_then_an_administrators(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/users/own")
    path = environ_of("8000")["PATH"].split(":")
    assert path == [str(Path(sys.executable).parent), "/users/own", "/usr/sbin", "/sbin"]


@pytest.mark.parametrize("more", [[], ["/users/modules"]])
def test_modules_are_the_checkouts_before_the_users(
    more: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", ":".join(more))
    assert environ_of("8000")["PYTHONPATH"].split(":") == [str(REPOSITORY), *more]


def test_python_prints_at_once_and_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    ask = "import sys; print(sys.stdout.write_through)"
    ran = subprocess.run(
        ["python", "-c", ask], env=environ_of("8000"), capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    assert ran.stdout == "True\n"
    # Before 3.13 Python has no colours that could be seen here.
    assert environ_of("8000")["PYTHON_COLORS"] == "0"


def test_gunicorn_takes_the_port_that_the_stage_gave() -> None:
    assert environ_of("8123")["GUNICORN_CMD_ARGS"] == "--bind 127.0.0.1:8123"
