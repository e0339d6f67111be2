import runpy
from pathlib import Path

import pytest

import examples
from examples.transcript.machine import has_module
from examples.transcript.playing import play
from tests.needs import lacking

STEP = Path(examples.__file__).parent / "flask"


@pytest.fixture(autouse=True)
def flask() -> None:
    if not has_module("flask"):
        lacking("flask", "pip install flask")


def test_classes_give_the_bytes_of_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP", "classes:application")
    play(STEP / "notes.telnet")


def test_each_built_application_has_its_own_notes() -> None:
    build = runpy.run_path(str(STEP / "classes.py"), run_name="classes")["build"]
    one, other = build().test_client(), build().test_client()
    one.post("/", data={"note": "tea"})
    assert one.get("/").text == "1: tea\n"
    assert other.get("/").text == "no notes\n"
