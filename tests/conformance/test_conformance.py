"""What the conformance run rests on; the run itself is `make conformance`."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from werkzeug.test import create_environ

from tests.conformance import report, run
from tests.conformance.clauses import NOT_PASSED, WHY, why
from tests.conformance.forwarder import Forwarder
from tests.middleware.serving import Exchange

RESULTS: run.Results = json.loads(run.RESULTS.read_text())


def test_all_required_tests_passed() -> None:
    passed, total = run.counts(RESULTS)
    assert passed["required"] == total["required"] == 160
    assert passed["optimal"] == 100


def test_baseline_is_what_passed() -> None:
    assert run.lost_tests(RESULTS) == []
    lines = run.BASELINE.read_text().splitlines()
    assert len([line for line in lines if not line.startswith("#")]) == 260


def test_lost_test_is_told() -> None:
    lost = dict.fromkeys(RESULTS, ("required", "fail", "", ""))
    assert len(run.lost_tests(lost)) == 260


def test_each_failure_has_its_reason() -> None:
    failed = {
        test for test, (kind, result, *_) in RESULTS.items() if kind != "check" and result != "pass"
    }
    assert failed == set(NOT_PASSED)


def test_each_check_has_its_clause_and_each_clause_a_check() -> None:
    checks = [test for test, (kind, *_) in RESULTS.items() if kind == "check"]
    assert len(checks) == 100
    assert {why(test) for test in checks} == set(WHY.values())


def test_page_is_what_the_results_say() -> None:
    assert report.PAGE.read_text() == report.page(RESULTS)


def test_without_a_checkout_nothing_is_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CACHE_TESTS_DIR", raising=False)
    monkeypatch.setattr("sys.argv", ["run"])
    assert run.main() == 0
    assert "CACHE_TESTS_DIR" in capsys.readouterr().out


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no cache-tests" in (run.what_is_missing(str(tmp_path)) or "")
    client = tmp_path / "test-engine" / "cli.mjs"
    client.parent.mkdir()
    client.touch()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "node" in (run.what_is_missing(str(tmp_path)) or "")
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/node")
    assert "undici" in (run.what_is_missing(str(tmp_path)) or "")
    (tmp_path / "node_modules" / "undici").mkdir(parents=True)
    assert run.what_is_missing(str(tmp_path)) is None


@contextmanager
def origin(answer: bytes) -> Iterator[tuple[Forwarder, Callable[[], bytes]]]:
    """Serve one connection with these bytes; give also a look at the request."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                seen.append(connection.recv(65536))
                connection.sendall(answer)

        serving = threading.Thread(target=serve)
        serving.start()
        yield Forwarder("127.0.0.1", listening.getsockname()[1]), lambda: seen[0]
        serving.join()


def forward(answer: bytes, method: str = "GET") -> Exchange:
    with origin(answer) as (forwarder, _):
        return Exchange(create_environ(method=method) | {"RAW_URI": "/"}).run(forwarder)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: odd\r\nContent-Length: 1\r\n\r\nhello",
    ],
    ids=["length", "chunked", "close", "unknown coding"],
)
def test_forwarder_reads_all_kinds_of_bodies(answer: bytes) -> None:
    done = forward(answer)
    assert (done.status, done.content) == ("200 OK", b"hello")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"])
def test_forwarder_tells_a_lost_connection(answer: bytes) -> None:
    with pytest.raises(ConnectionError):
        forward(answer)


def test_forwarder_reads_no_body_of_a_head() -> None:
    assert forward(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD").content == b""


def test_forwarder_drops_what_is_for_one_connection() -> None:
    done = forward(b"HTTP/1.1 204 No\r\nConnection: X-A\r\nX-A: 1\r\nUpgrade: x\r\nX-B: 2\r\n\r\n")
    assert done.headers == [("X-B", "2")]


def test_forwarder_passes_early_hints_on() -> None:
    answer = b"HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.1 204 No\r\n\r\n"
    hints: list[object] = []
    environ = create_environ() | {"RAW_URI": "/", "wsgi.early_hints": hints.append}
    with origin(answer) as (forwarder, _):
        assert Exchange(environ).run(forwarder).status == "204 No"
    assert hints == [[("Link", "x")]]


@pytest.mark.parametrize("chunked", [False, True])
def test_forwarder_sends_the_request_on(chunked: bool) -> None:
    environ = create_environ(
        method="PUT", data=b"abc", content_type="text/plain", headers={"X-A": "1"}
    ) | {"RAW_URI": "/a%2Fb?c"}
    if chunked:
        environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": BytesIO(b"abc")}
        del environ["CONTENT_LENGTH"]
    with origin(b"HTTP/1.1 201 Created\r\n\r\n") as (forwarder, seen):
        Exchange(environ).run(forwarder)
    head, _, body = seen().partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "PUT /a%2Fb?c HTTP/1.1"
    assert {"X-A: 1", "Content-Type: text/plain", "Content-Length: 3"} <= set(lines)
    assert body == b"abc"
