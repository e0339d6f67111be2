"""TLS, redirects, files, errors: what nginx answers by itself."""

import json
import shutil
import socket
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nginx.render import HERE, MODULES
from tests.needs import lacking
from tests.nginx import test_http2 as http2
from tests.nginx.recorder import Instance, Recorder
from tests.nginx.running import ANSWER_SECONDS, Client, make_front, running
from tests.waiting import wait_until

ERRORS = HERE / "errors"


def test_https(client: Client, recorders: list[Recorder]) -> None:
    answer = client.ask("/api/messages")
    assert answer.status == 200
    assert answer.json["instance"] in {"one", "two"}


def test_http2(client: Client) -> None:
    curl = shutil.which("curl") or lacking("curl", "apt-get install curl")
    url = f"https://localhost:{client.front.https_port}/"
    command = [curl, "-s", "--cacert", str(client.front.certificate), "--http2", "-o", "/dev/null"]
    told = subprocess.run([*command, "-w", "%{http_version}", url], capture_output=True, text=True)
    assert told.stdout == "2"


@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-CCM"])
def test_other_suites_are_refused(client: Client, suite: str) -> None:
    context = ssl.create_default_context(cafile=client.front.certificate)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suite)
    client = Client(client.front)
    client.context = context
    with pytest.raises(ssl.SSLError):
        client.ask("/")


def test_http_is_redirected(client: Client, recorders: list[Recorder]) -> None:
    answer = client.ask_plainly("/rooms/lobby?before=3", "POST")
    assert answer.status == 308
    location = f"https://localhost:{client.front.https_port}/rooms/lobby?before=3"
    assert answer.headers["Location"] == location
    assert not recorders[0].requests + recorders[1].requests


def test_plain_http_to_the_port_of_tls_is_led_to_tls(client: Client) -> None:
    address = (client.address, client.front.https_port)
    with socket.create_connection(address, ANSWER_SECONDS) as plain:
        plain.sendall(f"GET /rooms/a?b=c HTTP/1.1\r\nHost: {client.host}\r\n\r\n".encode())
        head = plain.makefile("rb").read().decode().split("\r\n\r\n")[0]
    assert head.startswith("HTTP/1.1 308 ")
    assert f"\r\nLocation: https://{client.host}/rooms/a?b=c\r\n" in head
    assert "\r\nStrict-Transport-Security: " in head


def test_proof_for_a_certificate(client: Client) -> None:
    proof = client.front.run / "acme/.well-known/acme-challenge/token"
    proof.parent.mkdir(parents=True, exist_ok=True)
    proof.write_text("proof")
    assert client.ask_plainly("/.well-known/acme-challenge/token").body == b"proof"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "10.0.0.1"])
def test_other_names_are_refused(client: Client, recorders: list[Recorder], host: str) -> None:
    assert client.ask("/", headers={"Host": host}).status == 421
    assert client.ask_plainly("/", host=host).status == 421
    assert not recorders[0].requests + recorders[1].requests


def test_static_file_from_disk(client: Client, recorders: list[Recorder]) -> None:
    answer = client.ask("/static/icon.svg")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert answer.headers["Cache-Control"] == "max-age=3600, public"
    assert not recorders[0].requests + recorders[1].requests


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_static_files_are_read_only(client: Client, method: str) -> None:
    answer = client.ask("/static/icon.svg", method, b"x")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_options_of_a_static_file(client: Client) -> None:
    answer = client.ask("/static/icon.svg", "OPTIONS")
    assert (answer.status, answer.headers["Allow"]) == (204, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("span", ["bytes=0-0", "bytes=-1"])
def test_one_byte_of_a_static_file(client: Client, span: str) -> None:
    answer = client.ask("/static/icon.svg", headers={"Range": span})
    assert (answer.status, answer.headers["Content-Length"]) == (206, "1")
    etag = client.ask("/static/icon.svg").headers["ETag"]
    for condition, status in ((etag, 206), ('"other"', 200)):
        headers = {"Range": span, "If-Range": condition}
        assert client.ask("/static/icon.svg", headers=headers).status == status


def test_conditions_on_a_static_file(client: Client) -> None:
    etag = client.ask("/static/icon.svg").headers["ETag"]
    for value in (etag, f"W/{etag}", f'"a,b", {etag}', "*"):
        headers = {"If-None-Match": value}
        assert client.ask("/static/icon.svg", headers=headers).status == 304
    later = "Fri, 01 Jan 2100 00:00:00 GMT"
    assert client.ask("/static/icon.svg", headers={"If-Modified-Since": later}).status == 304


def test_uncompressed_static_file_varies_too(client: Client) -> None:
    assert client.ask("/static/icon.svg").headers.get_all("Vary") == ["Accept-Encoding"]


def test_static_file_was_compressed_before(client: Client) -> None:
    answer = client.ask("/static/icon.svg", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers.get_all("Vary") == ["Accept-Encoding"]
    # What is compressed on the way has no length.
    path = client.front.run / "static/static/icon.svg.gz"
    assert int(answer.headers["Content-Length"]) == path.stat().st_size
    assert answer.body == path.read_bytes()


BROTLI = MODULES / "ngx_http_brotli_static_module.so"


def test_static_file_by_brotli(client: Client) -> None:
    if not BROTLI.exists():
        lacking("nginx's Brotli module", "apt-get install libnginx-mod-http-brotli-static")
    path = client.front.run / "static/static/chat.js"
    for accepted, ending in {"gzip, br": ".br", "gzip, br;q=0": ".gz", "identity": ""}.items():
        answer = client.ask("/static/chat.js", headers={"Accept-Encoding": accepted})
        assert answer.body == path.with_name(path.name + ending).read_bytes()
        assert answer.headers.get_all("Vary") == ["Accept-Encoding"]


@pytest.mark.parametrize("target", ["/static/nothing.js", "/static/"])
def test_static_file_that_is_not_there(
    client: Client, recorders: list[Recorder], target: str
) -> None:
    """The application answers, with its page and its policy."""
    assert client.ask(target).json["instance"] in {"one", "two"}
    assert [each.target for recorder in recorders for each in recorder.requests] == [target]


@pytest.mark.parametrize("target", ["/static/../conf/tls.conf", "/static/%2e%2e/key.pem"])
def test_nothing_beside_the_static_files(client: Client, target: str) -> None:
    assert client.send(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode()).startswith(
        b"HTTP/1.1 400 "
    )


@pytest.mark.parametrize(("length", "coding"), [(100, None), (2000, "gzip")])
def test_what_is_long_is_compressed(
    client: Client, recorders: list[Recorder], length: int, coding: str | None
) -> None:
    for recorder in recorders:
        recorder.filler = "x" * length
        recorder.headers = [("ETag", '"1"')]
    answer = client.ask("/", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == coding
    # The compressed bytes are others (RFC 9110 section 8.8.3.3).
    assert answer.headers["ETag"] == ('W/"1"' if coding else '"1"')


def test_large_body_is_refused(client: Client, recorders: list[Recorder]) -> None:
    answer = client.ask("/api/messages", "POST", b"x" * (256 * 1024 + 1))
    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["title"] == "Content Too Large"
    # It will be no smaller the next time.
    assert answer.headers["Retry-After"] is None
    assert not recorders[0].requests + recorders[1].requests


@pytest.mark.parametrize("target", ["/api/rooms/1/files?name=a", "/rooms/lobby/files"])
def test_large_file_is_refused(client: Client, target: str) -> None:
    """Not because a request has at most 256 kB: one with files has more."""
    headers = {"Content-Length": str(10**12)}
    answer = client.ask(target, "POST", b"x", headers)
    assert answer.status == 413
    assert b"file is larger than any may be here" in answer.body


def test_request_has_one_line_of_json(client: Client) -> None:
    answer = client.ask("/rooms/%22%0Alobby?token=secret")
    request_id = answer.headers["X-Request-ID"]
    entry = _log_entry(client.front.run / "access.log", request_id)
    assert entry["path"] == "/rooms/%22%0Alobby"
    assert entry["status"] == 200
    assert entry["instance"].startswith("unix:")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Give a client of a front behind which there is nothing."""
    directory = tmp_path_factory.mktemp("alone")
    front = make_front(directory, [directory / "none.sock"])
    with running(replace(front, file_bytes=0)) as client:
        yield client


def test_large_file_of_unknown_length_is_refused(alone: Client) -> None:
    """Once more than other bodies have has come of it, an error page must not refuse it again."""
    chunks = (b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n") * 20 + b"0\r\n\r\n"
    headers = {"Transfer-Encoding": "chunked"}
    answer = alone.ask("/api/rooms/1/files?name=a", "POST", chunks, headers)
    assert (answer.status, answer.json["title"]) == (413, "Content Too Large")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_page_while_no_instance_is_up(alone: Client, method: str) -> None:
    answer = alone.ask("/", method, b"x" if method == "POST" else None)
    assert answer.status == 503
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Retry-After"] == "5"
    assert b"The chat is away" in answer.body


GERMAN = {"Accept-Language": "de-DE,de;q=0.9,en;q=0.8"}
OF_A_PAGE = {**GERMAN, "Cookie": "a=b; session=c"}


@pytest.mark.parametrize(
    ("target", "headers", "language", "said"),
    [
        ("/", GERMAN, "de", "Der Chat ist gerade weg"),
        ("/", {"Accept-Language": "en,de"}, "en", "The chat is away"),
        ("/", {"Accept-Language": "den"}, "en", "The chat is away"),
        # As the chat itself does it: a page shows what its script is told, programs read English.
        ("/api/messages", OF_A_PAGE, "de", "gerade antwortet kein Teil des Chats"),
        ("/api/messages", GERMAN, "en", "no part of the chat answers right now"),
    ],
)
def test_language_of_an_error(
    alone: Client, target: str, headers: dict[str, str], language: str, said: str
) -> None:
    answer = alone.ask(target, headers=headers)
    assert answer.headers["Content-Language"] == language
    assert said in answer.body.decode()


def test_errors_say_the_same_in_each_language() -> None:
    names = {path.name: sorted(each.name for each in path.iterdir()) for path in ERRORS.iterdir()}
    assert names["en"] == names["de"]
    for path in ERRORS.glob("*/*.html"):
        assert f'<html lang="{path.parent.name}">' in path.read_text()
        problem = json.loads(path.with_suffix(".json").read_text())
        # A page puts it into a sentence of its own.
        assert not problem["detail"].endswith(".")


def test_problem_while_no_instance_is_up(alone: Client) -> None:
    answer = alone.ask("/api/messages", "POST", b"{}")
    assert answer.status == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["status"] == 503


def test_static_files_without_an_instance(alone: Client) -> None:
    assert alone.ask("/static/icon.svg").status == 200


def test_errors_of_the_application_stay(client: Client, recorders: list[Recorder]) -> None:
    for recorder in recorders:
        recorder.status = 503
    assert "instance" in client.ask("/").json


def test_too_many_requests(tmp_path: Path) -> None:
    """All on one connection, with no instance to wait for: 200 at once, and 50 a second."""
    front = make_front(tmp_path, [tmp_path / "none.sock"], limits=True)
    request = b"GET /api/messages HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with running(front) as client:
        _, *answers = client.send(request * 999 + last).split(b"HTTP/1.1 ")
        log = wait_until(lambda: _complete_lines(front.run / "access.log", 1000))
    statuses = Counter(json.loads(line)["status"] for line in log)
    assert set(statuses) == {429, 503}
    assert statuses[503] >= 200
    # Any of them, not the last: every 20 ms one more is let through.
    refused = [answer for answer in answers if answer.startswith(b"429 ")]
    assert len(refused) == statuses[429]
    assert b"\r\nRetry-After: 5\r\n" in refused[0]
    assert b'"title": "Too Many Requests"' in refused[0]


ODD = {
    "path": b"GET /r\xe9union?\xff HTTP/1.1\r\nHost: localhost\r\n",
    "host": b"GET / HTTP/1.1\r\nHost: r\xe9union\r\n",
    "user-agent": b'GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: "\\\t\xe9\r\n',
    "no-request": b"\x16\x03\x01\r\n",
}


def test_log_is_json_whatever_is_asked(
    tmp_path: Path, recorders: list[Recorder], instances: list[Instance]
) -> None:
    front = make_front(tmp_path, [instances[0].path])
    with running(front) as client:
        for request in ODD.values():
            client.send(request + b"Connection: close\r\n\r\n")
        # Given up before there is a request: it has no status.
        assert http2.ask(client, http2.headers(path="evil")) != "200"
        client.context.set_alpn_protocols(["http/1.1"])
        assert client.ask("/last").status == 200
        log = wait_until(lambda: _complete_lines(front.run / "access.log", len(ODD) + 2))
    entries = [json.loads(line) for line in log]
    assert {type(entry["status"]) for entry in entries} == {int}
    # nginx's processes write what they gathered when they like.
    assert {entry["path"] for entry in entries} == {"/r", "/", "", "/last"}
    assert {entry["user_agent"] for entry in entries} == {"", '"\\'}


def _complete_lines(path: Path, count: int) -> list[bytes]:
    """Return the lines of a log if there are so many."""
    lines = path.read_bytes().splitlines(keepends=True)
    return lines if len(lines) >= count and lines[-1].endswith(b"\n") else []


def _log_entry(path: Path, request_id: str) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for line in path.read_text().splitlines(keepends=True):
            if request_id in line and line.endswith("\n"):
                return json.loads(line)
        time.sleep(0.05)
    raise AssertionError(f"no line for {request_id}")
