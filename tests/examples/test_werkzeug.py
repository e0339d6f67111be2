from pathlib import Path

import pytest

from examples import werkzeug
from examples.transcript.playing import play

NOTES = Path(werkzeug.__file__).with_name("notes.telnet")


@pytest.mark.parametrize("module", ["raw", "wrapped", "routed"])
def test_not_a_byte_differs(module, monkeypatch):
    monkeypatch.setenv("APP", f"{module}:application")
    play(NOTES)


def test_flask_has_the_same_transcript():
    ours = NOTES.read_text().splitlines()
    theirs = (NOTES.parents[1] / "flask" / "notes.telnet").read_text().splitlines()
    spoken = [[line for line in lines if line.startswith(("> ", "< "))] for lines in (ours, theirs)]
    assert spoken[0] == spoken[1]
