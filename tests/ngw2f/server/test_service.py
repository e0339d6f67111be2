from collections.abc import Callable
from wsgiref.types import StartResponse

import gevent
import pytest

from ngw2f.server.service import Service
from tests.client import Client


def test_static_files(client: Client) -> None:
    answer = client.get("/static/icon.svg", status=200)
    assert answer.content_type == "image/svg+xml"
    assert "max-age=3600" in answer.headers["Cache-Control"]
    assert client.get("/static/../service.py").status_int == 404


UPGRADE = {"HTTP_UPGRADE": "websocket"}


@pytest.mark.parametrize(
    ("environ", "has_own"),
    [
        ({"PATH_INFO": "/events"}, True),
        ({"PATH_INFO": "/ws", **UPGRADE}, True),
        ({"PATH_INFO": "/socket.io/", **UPGRADE}, True),
        ({"PATH_INFO": "/socket.io/"}, False),
        ({"PATH_INFO": "/"}, False),
    ],
)
def test_streams_begin_on_a_stack_of_their_own(
    service: Service, environ: dict[str, str], has_own: bool
) -> None:
    def chain(_environ: object, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [])
        called_in.append(gevent.getcurrent())
        return [b"body"]

    called_in: list[gevent.Greenlet] = []
    statuses: list[str] = []
    written: list[bytes] = []

    def start(status: str, _headers: object, _error: object = None) -> Callable[[bytes], object]:
        statuses.append(status)
        return written.append

    answer = Service(service.services, chain)(environ, start)
    assert (answer, statuses) == ([b"body"], ["200 OK"])
    assert (called_in[0] is not gevent.getcurrent()) is has_own
