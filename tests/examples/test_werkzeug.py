import re
import uuid
from pathlib import Path

import pytest
import requests

from examples import werkzeug
from examples.transcript.playing import play
from examples.transcript.stage import Stage

NOTES = Path(werkzeug.__file__).with_name("notes.telnet")


@pytest.mark.parametrize("module", ["raw", "wrapped", "routed"])
def test_not_a_byte_differs(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP", f"{module}:application")
    play(NOTES)


def test_flask_has_the_same_transcript() -> None:
    ours = NOTES.read_text().splitlines()
    theirs = (NOTES.parents[1] / "flask" / "notes.telnet").read_text().splitlines()
    spoken = [[line for line in lines if line.startswith(("> ", "< "))] for lines in (ours, theirs)]
    assert spoken[0] == spoken[1]


# RFC 9562 section 6.10: a number made up where no network card has one.
@pytest.mark.skipif(
    bool(uuid.getnode() >> 40 & 1), reason="no network card: each start has another PIN"
)
def test_pin_is_found_without_asking_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WERKZEUG_DEBUG_PIN", raising=False)
    with Stage(NOTES.parent) as stage:
        server = f"http://localhost:{stage.serve('python mistake.py 8001')}"
        secret = re.search(r'SECRET = "(\w+)"', requests.get(f"{server}/console", timeout=60).text)
        assert secret is not None
        asked = {"__debugger__": "yes", "cmd": "pinauth", "s": secret[1]}
        asked["pin"] = stage.run("python pin.py").decode().strip()
        assert requests.get(server, asked, timeout=60).json()["auth"]
