"""What X-ray shows of nginx and of gunicorn's worker."""

import re
import time
from collections.abc import Callable
from contextvars import copy_context
from types import SimpleNamespace

import pytest

from ngw2f.server.service import Service
from tests.client import Client

START = "t=1800000000.000; spent=0.250"
# In milliseconds, or more.
HALF_A_SECOND = r"(?:[5-9]\d\d|\d{4,})\.\d\d"


class Worker:
    """Stands for gunicorn's."""


def ladder_of(service: Service, **fields: str) -> str:
    headers = {"X-Ray": "1", **{name.replace("_", "-"): value for name, value in fields.items()}}
    return str(Client(service).get("/healthz", headers=headers).text)


def test_nginx_is_shown_where_it_is_trusted(build: Callable[..., Service]) -> None:
    service = build(xray=True, trusted_proxies=1)
    ladder = ladder_of(service, X_Request_Start=START, X_Request_ID="abc")
    assert re.search(r"\n +250\.00  nginx +· request id: abc\n +· passed on: ", ladder)


@pytest.mark.parametrize(
    ("proxies", "field"), [(0, START), (1, ""), (1, "t=1"), (1, START + ";"), (1, "t=1.0; spent=x")]
)
def test_nobody_else_is_taken_for_nginx(
    build: Callable[..., Service], proxies: int, field: str
) -> None:
    service = build(xray=True, trusted_proxies=proxies)
    assert "nginx" not in ladder_of(service, X_Request_Start=field)


def test_worker_is_shown_with_when_it_read_and_wrote(build: Callable[..., Service]) -> None:
    service = build(xray=True)
    request = SimpleNamespace(line_read_at=time.perf_counter() - 0.5)

    def serve() -> str:
        service.begin(Worker(), request)
        client = Client(service)
        response = client.get("/healthz")
        assert response.status_int == 200
        environ = response.request.environ
        service.end(request, environ, SimpleNamespace(status="200 OK", sent=1234))
        identity = client.get("/__xray__/all.json").json[-1]["id"]
        return str(client.get(f"/__xray__/{identity}").text)

    ladder = copy_context().run(serve)
    assert re.search(rf"\n +{HALF_A_SECOND}  gunicorn +· worker: \d+, Worker\n", ladder)
    assert re.search(rf"\n +· head: read {HALF_A_SECOND} ms after its first line\n", ladder)
    assert re.search(r"\n +· written: 1,234 bytes, after \d+\.\d\d ms\n", ladder)


def test_request_that_is_not_recorded_is_only_counted(build: Callable[..., Service]) -> None:
    service = build(xray_key="0123456789abcdef")
    request = SimpleNamespace()
    copy_context().run(service.begin, Worker(), request)
    environ = {"PATH_INFO": "/healthz", "REQUEST_METHOD": "GET"}
    service.end(request, environ, SimpleNamespace(status="200 OK"))
    assert sum(service.requests._requests.values()) == 1
