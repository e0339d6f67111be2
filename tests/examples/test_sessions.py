import runpy
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import examples
from examples.transcript.machine import has_module
from tests.needs import lacking

if TYPE_CHECKING:
    from flask.testing import FlaskClient

STEP = Path(examples.__file__).parent / "sessions"
DAY_SECONDS = 24 * 3600


@pytest.fixture(params=["signed", "stored"])
def client(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> "FlaskClient":
    if not has_module("flask"):
        lacking("flask", "pip install flask")
    # Where the store is, and where a module finds the one beside it.
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(STEP)
    application = runpy.run_path(str(STEP / f"{request.param}.py"), run_name=request.param)
    client: FlaskClient = application["application"].test_client()
    return client


def test_nobody_without_a_cookie(client: "FlaskClient") -> None:
    assert client.get("/").text == "nobody\n"


def test_cookie_that_nobody_gave_is_none(client: "FlaskClient") -> None:
    client.set_cookie("session", "eyJuYW1lIjoiYm9iIn0.made.up")
    assert client.get("/").text == "nobody\n"


def test_each_answer_says_that_it_depends_on_the_cookie(client: "FlaskClient") -> None:
    answers = [client.get("/"), client.post("/in?name=ann"), client.get("/"), client.post("/out")]
    assert {answer.headers["Vary"] for answer in answers} == {"Cookie"}


@pytest.mark.parametrize(("days", "seen"), [(30, "ann\n"), (32, "nobody\n")])
def test_sessions_end_after_31_days(
    client: "FlaskClient", days: int, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/in?name=ann")
    later = time.time() + days * DAY_SECONDS
    cookie = client.get_cookie("session")
    assert cookie is not None
    monkeypatch.setattr(time, "time", lambda: later)
    client.set_cookie("session", cookie.value)
    assert client.get("/").text == seen


@pytest.mark.parametrize("client", ["stored"], indirect=True)
def test_another_name_takes_another_token(client: "FlaskClient") -> None:
    client.post("/in?name=ann")
    before = client.get_cookie("session")
    assert before is not None
    client.post("/in?name=bob")
    client.set_cookie("session", before.value)
    assert client.get("/").text == "nobody\n"
