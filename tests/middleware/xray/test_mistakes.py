from __future__ import annotations

from typing import Any
from wsgiref.types import WSGIEnvironment

import pytest

from middleware.chain import Layer
from middleware.xray import record
from middleware.xray.mistakes import (
    mistake_of,
    note_mistakes_of_headers,
    note_mistakes_of_status,
)
from middleware.xray.trace import Trace
from middleware.xray.visit import MAX_NOTES, Visit


def visit() -> Visit:
    return Visit(Trace({}), None, "layer", 0, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REQUEST_METHOD", ""),
        ("SCRIPT_NAME", "/"),
        ("SCRIPT_NAME", "app"),
        ("PATH_INFO", "app"),
        ("PATH_INFO", "/☃"),
        ("CONTENT_LENGTH", "many"),
        ("CONTENT_LENGTH", "²"),
        ("CONTENT_LENGTH", 5),
        ("HTTP_CONTENT_TYPE", "text/plain"),
        ("HTTP_CONTENT_LENGTH", "5"),
        ("wsgi.version", [1, 0]),
        ("wsgi.url_scheme", b"http"),
        ("wsgi.input", b""),
        ("wsgi.errors", ""),
        (b"NAME", "text"),
    ],
)
def test_wrong_value_is_seen(name: Any, value: object) -> None:
    assert mistake_of(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCRIPT_NAME", ""),
        ("SCRIPT_NAME", "/app"),
        ("PATH_INFO", ""),
        ("PATH_INFO", "/Ã¼"),
        ("PATH_INFO", "*"),
        ("CONTENT_LENGTH", ""),
        ("CONTENT_LENGTH", "5"),
        ("HTTP_X_ANY", ""),
        ("wsgi.version", (1, 0)),
        ("my.own", object()),
    ],
)
def test_right_value_passes(name: str, value: object) -> None:
    assert not mistake_of(name, value)


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        (None, "the headers are of type NoneType, not list"),
        ((("A", "1"),), "the headers are of type tuple, not list"),
        ([("A", "1"), ("B",)], "a header is of type tuple, not a pair"),
        ([("A", b"1")], "the header 'A' has a part of type bytes"),
        ([("A", "1"), ["B", "2"]], "a header is of type list, not a pair"),
        ([("A", "1"), "BC"], "a header is of type str, not a pair"),
    ],
)
def test_wrong_headers_are_described(headers: Any, detail: str) -> None:
    found = visit()
    assert not note_mistakes_of_headers(headers, found)
    assert [(note.code, note.detail) for note in found.notes] == [("headers-type", detail)]


@pytest.mark.parametrize("status", ["200 OK", "299 ", "404 Não"])
def test_right_start_passes(status: str) -> None:
    found = visit()
    note_mistakes_of_status(status, found)
    assert note_mistakes_of_headers([("A", "1"), ("B", "")], found)
    assert not found.notes


def test_number_of_notes_is_bounded() -> None:
    found = visit()
    for _ in range(MAX_NOTES + 5):
        note_mistakes_of_status("200", found)
        found.note_error(0, ValueError())
    assert len(found.notes) == len(found.raised) == MAX_NOTES


def test_headers_that_are_an_iterator_pass_whole() -> None:
    def app(environ: WSGIEnvironment, start_response: Any) -> list[bytes]:
        start_response("200 OK", iter([("A", "1")]))
        return []

    recorded = record(app, [Layer("outer", lambda app: lambda *given: app(*given), "")])
    got: list[Any] = []

    def start(status: str, headers: Any, exc_info: Any = None, /) -> Any:
        got.extend(headers)

    recorded({"PATH_INFO": "/"}, start)
    assert got == [("A", "1")]
    assert [note.code for note in recorded.trace.root.notes] == ["headers-type"]
