from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from werkzeug.test import create_environ

from middleware._wsgi import write_nothing
from middleware.access_log import COUNT, LINE, AccessLogMiddleware, LoggedBody
from tests.middleware.contract import Contract
from tests.middleware.serving import (
    HTML,
    BrokenError,
    Exchange,
    TrackedBody,
    answering,
    serve,
    without_write,
)  # fmt: skip


class Records(logging.Handler):
    """Keep what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.fields: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        assert isinstance(record.args, dict)
        self.lines.append(record.getMessage())
        self.fields.append(record.args)


def logger_to(records: Records, level: int = logging.INFO) -> logging.Logger:
    """Make a logger that nobody else has."""
    logger = logging.Logger("access", level)
    logger.addHandler(records)
    return logger


def logged(app: WSGIApplication, chunks: int | None = None, **options: Any) -> dict[str, Any]:
    """Run one request; give the fields of the one line that it wrote."""
    records = Records()
    wrapped = AccessLogMiddleware(app, logger=logger_to(records))
    Exchange(create_environ(**options)).run(wrapped, chunks=chunks)
    (fields,) = records.fields
    return fields


class TestContract(Contract):
    @pytest.fixture(autouse=True)
    def _records(self) -> None:
        self.records = Records()
        self.calls = 0

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        def counted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            self.calls += 1
            return app(environ, start_response)

        return AccessLogMiddleware(counted, logger=logger_to(self.records))

    def check_released(self) -> None:
        assert len(self.records.lines) == self.calls, "a line for each request, once"


class TestContractTurnedOff(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return AccessLogMiddleware(app, logger=logger_to(Records(), logging.WARNING))


class TestContractOfWriting(Contract):
    """The contract, where the bodies are gathered."""

    @pytest.fixture(autouse=True)
    def _bodies(self) -> None:
        self.bodies: list[LoggedBody] = []

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return AccessLogMiddleware(app, logger=logger_to(Records()), write=self.bodies.append)

    def check_released(self) -> None:
        assert self.bodies
        kept = [(body.inner, body.server_write) for body in self.bodies]
        assert set(kept) == {((), write_nothing)}, "nothing of a response is kept"


def test_written_bodies_have_the_fields_and_no_record_is_made() -> None:
    records, bodies = Records(), list[LoggedBody]()
    app = answering([b"one,", b"two"])
    serve(AccessLogMiddleware(app, logger=logger_to(records), write=bodies.append), "/x")
    assert records.fields == []
    fields = bodies[0].fields()
    assert (fields["path"], fields["bytes"], fields["end"]) == ("/x", 7, "complete")
    assert bodies[0].line() == LINE % fields
    assert bodies[0].line().startswith('- "GET /x" 200 7 bytes ')


def test_server_without_write_gives_none_to_the_application() -> None:
    given: list[object] = []
    records = Records()

    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        given.append(start_response("200 OK", []))
        return [b"one"]

    serve(without_write(AccessLogMiddleware(app, logger=logger_to(records))))
    assert given == [None]
    assert records.fields[0]["bytes"] == 3


def test_closing_twice_logs_once() -> None:
    records = Records()
    body = TrackedBody(b"one")
    exchange = Exchange().call(AccessLogMiddleware(answering(body), logger=logger_to(records)))
    exchange.close()
    exchange.close()
    assert body.closes == len(records.lines) == 1


def test_line_says_it_all() -> None:
    records = Records()
    app = AccessLogMiddleware(answering([b"one,", b"two"]), logger=logger_to(records))
    environ = {"REMOTE_ADDR": "192.0.2.1", "middleware.request_id": "abc"}
    serve(app, "/rooms/1", environ_overrides=environ)
    line = records.lines[0]
    assert line.startswith('192.0.2.1 "GET /rooms/1" 200 7 bytes ')
    assert line.endswith(" ms abc complete")


def test_fields_have_types() -> None:
    fields = logged(answering(status="404 Not Found"), path="/x")
    assert fields["status"] == 404
    assert fields["bytes"] == 5
    assert 0 < fields["milliseconds"] < 60_000
    assert fields["request_id"] == "-"


@pytest.mark.parametrize("environ", [{}, {"REMOTE_ADDR": ""}], ids=["missing", "empty"])
def test_client_without_address_is_a_dash(environ: dict[str, str]) -> None:
    assert logged(answering(), environ_overrides=environ)["address"] == "-"


def test_query_is_not_logged() -> None:
    assert "secret" not in str(logged(answering(), path="/x", query_string="token=secret"))


def test_path_is_whole_although_changed_below() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["SCRIPT_NAME"], environ["PATH_INFO"] = "/gone", "/gone"
        return answering()(environ, start_response)

    assert logged(app, base_url="http://localhost/app", path="/x")["path"] == "/app/x"


def test_line_cannot_be_forged() -> None:
    path = '/x" 200\n192.0.2.9 "GET /é'.encode().decode("latin-1")
    fields = logged(answering(), environ_overrides={"PATH_INFO": path, "REQUEST_METHOD": "G\nT"})
    assert fields["path"] == "/x%22%20200%0A192.0.2.9%20%22GET%20/%C3%A9"
    assert fields["method"] == "G%0AT"


def test_written_bytes_count() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", HTML)])(b"one,")
        return [b"two"]

    assert logged(app)["bytes"] == 7


def test_bytes_sent_by_another_way_count() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", HTML)])
        environ[COUNT](4)
        return [b"two"]

    assert logged(app)["bytes"] == 7


@pytest.mark.parametrize(
    ("chunks", "end", "size"), [(None, "complete", 7), (1, "closed", 4), (0, "closed", 0)]
)
def test_end_is_told(chunks: int | None, end: str, size: int) -> None:
    fields = logged(answering(TrackedBody(b"one,", b"two")), chunks)
    assert (fields["end"], fields["bytes"]) == (end, size)


def test_giving_up_in_the_middle_is_no_error() -> None:
    records = Records()
    app = AccessLogMiddleware(answering([b"one,", b"two"]), logger=logger_to(records))
    exchange = Exchange().call(app)
    iterator = iter(exchange.body)
    assert next(iterator) == b"one,"
    del iterator  # As a server does whose client has gone.
    exchange.close()
    assert (records.fields[0]["end"], records.fields[0]["bytes"]) == ("closed", 4)


def test_error_in_the_body_is_told() -> None:
    records = Records()
    app = answering(TrackedBody(b"one,", error=BrokenError()))
    with pytest.raises(BrokenError):
        serve(AccessLogMiddleware(app, logger=logger_to(records)))
    assert (records.fields[0]["end"], records.fields[0]["status"]) == ("error", 200)


def test_error_in_the_call_is_told() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise BrokenError

    records = Records()
    with pytest.raises(BrokenError):
        serve(AccessLogMiddleware(app, logger=logger_to(records)))
    assert (records.fields[0]["end"], records.fields[0]["status"]) == ("error", 0)


def test_time_counts_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([10.0, 10.25])
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    assert logged(answering())["milliseconds"] == 250


def test_nothing_is_wrapped_while_turned_off() -> None:
    body = [b"hello"]
    exchange = Exchange()
    exchange.call(AccessLogMiddleware(answering(body), logger=logger_to(Records(), 30)))
    assert exchange.body is body


def test_default_logger_has_our_name(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "middleware.access"):
        serve(AccessLogMiddleware(answering()))
    assert [record.name for record in caplog.records] == ["middleware.access"]
