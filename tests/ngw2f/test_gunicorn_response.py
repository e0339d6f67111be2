from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi

from ngw2f.gunicorn_response import use_own_response

DATE = "Sat, 21 Nov 2020 10:00:00 GMT"


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(wsgi, "Response", wsgi.Response)  # Put back after the test.
    use_own_response()
    return


class Request:
    method = "GET"
    version = (1, 1)

    def should_close(self) -> bool:
        return False


def head_of(*headers: tuple[str, str]) -> list[str]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        response: Any = wsgi.Response(Request(), ours, Config())
        response.start_response("200 OK", [*headers, ("Content-Length", "0")])
        response.send_headers()
        return theirs.recv(65536).decode().split("\r\n")


def dates(*headers: tuple[str, str]) -> list[str]:
    return [line for line in head_of(*headers) if line.lower().startswith("date:")]


@pytest.mark.parametrize("name", ["Date", "date"])
def test_date_of_the_application_is_sent(name: str) -> None:
    assert dates((name, f" {DATE} ")) == [f"Date: {DATE}"]


def test_without_one_gunicorn_sends_its_own() -> None:
    (date,) = dates()
    assert date.endswith("GMT")


def test_only_one_date_is_sent() -> None:
    assert len(dates(("Date", DATE), ("Date", DATE))) == 1


def test_rest_of_the_head_is_gunicorns() -> None:
    lines = head_of(("Date", DATE), ("X-A", "1"), ("Server", "mine"))
    assert lines[0] == "HTTP/1.1 200 OK"
    assert "X-A: 1" in lines
    assert "Server: mine" not in lines


def test_calling_it_twice_does_no_harm() -> None:
    once = wsgi.Response
    use_own_response()
    assert wsgi.Response is once
