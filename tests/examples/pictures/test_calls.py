import sys

from examples.pictures.calls import said, watch_calls
from examples.pictures.events import LOG, Log


def inner(number):
    return (number, inner)


def outer(word, is_loud=False):
    return inner(3)


def test_calls_and_returns_are_written_down(tmp_path, monkeypatch):
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


def test_addresses_are_left_out():
    assert said(object()) == "<object>"
