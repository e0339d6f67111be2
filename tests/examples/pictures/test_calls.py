import sys
from pathlib import Path

import pytest

from examples.pictures.calls import said, watch_calls
from examples.pictures.events import LOG, Log


def inner(number: int) -> tuple[int, object]:
    return (number, inner)


def outer(word: str, is_loud: bool = False) -> tuple[int, object]:
    return inner(3)


def test_calls_and_returns_are_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOG, str(tmp_path / "log"))
    before = sys.getprofile()
    try:
        watch_calls({"test_calls.py:outer": "one", "test_calls.py:inner": "two"}, "caller")
        outer("hello")
    finally:
        sys.setprofile(before)
    assert [event[1:] for event in Log(tmp_path / "log").read()] == [
        ("caller", "one", ["outer('hello')"]),
        ("one", "two", ["inner(3)"]),
        ("two", "one", ["return (3, inner)"]),
        ("one", "caller", ["return (3, inner)"]),
    ]


def test_addresses_are_left_out() -> None:
    assert said(object()) == "<object>"
