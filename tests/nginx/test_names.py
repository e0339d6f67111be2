"""Instances that have names, and move: containers that are made anew."""

import http.server
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from examples.transcript.machine import free_port
from nginx import render as module
from nginx.render import RESOLVING, Program, RenderError, find_program, main, render
from tests.nginx.running import make_front, need_nginx, running
from tests.waiting import wait_until

NAME = "web1"


class NameServer:
    """Answers every question for an IPv4 address with its one address (RFC 1035)."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def answer(self, query: bytes) -> bytes:
        end = query.index(b"\0", 12) + 5
        is_ipv4 = query[end - 4 : end - 2] == b"\0\1"
        head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, int(is_ipv4), 0, 0)
        record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 1, 4) + socket.inet_aton(self.address)
        return head + query[12:end] + (record if is_ipv4 else b"")

    def serve(self) -> None:
        while (received := self._socket.recvfrom(512))[0] != b"end":
            self._socket.sendto(self.answer(received[0]), received[1])
        self._socket.close()

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.serve)
        thread.start()
        yield
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"end", ("127.0.0.1", self.port))
        thread.join()


@contextmanager
def instance(address: str, port: int) -> Iterator[None]:
    """Run an instance that answers with its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(address)))
            self.end_headers()
            self.wfile.write(address.encode())

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer((address, port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield
        server.shutdown()
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("target", ["/", "/events", "/socket.io/"])
def test_instance_that_moves_is_followed(tmp_path: Path, target: str) -> None:
    if find_program(need_nginx()).version < RESOLVING:
        pytest.skip("this nginx does not follow names, from 1.27.3 on it does")
    names, port = NameServer("127.0.0.2"), free_port()
    front = make_front(
        tmp_path, [f"{NAME}:{port}"], resolver=f"127.0.0.1:{names.port}", modules=tmp_path
    )
    with ExitStack() as stack:
        stack.enter_context(names.running())
        old = stack.enter_context(ExitStack())
        old.enter_context(instance("127.0.0.2", port))
        client = stack.enter_context(running(front))
        wait_until(lambda: client.ask(target).body == b"127.0.0.2")
        old.close()
        stack.enter_context(instance("127.0.0.3", port))
        names.address = "127.0.0.3"
        wait_until(lambda: client.ask(target).body == b"127.0.0.3")


def test_names_are_followed_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_program", lambda _path: Program(RESOLVING, (3, 5)))
    servers = [f"{NAME}:8000", "unix:/run/one.sock"]
    render(make_front(tmp_path, servers, resolver="127.0.0.11"))
    text = (tmp_path / "conf" / "upstreams.conf").read_text()
    assert text.count("resolver 127.0.0.11 valid=5s;") == 1
    assert text.count(f"server {NAME}:8000 max_fails=2 fail_timeout=5s resolve;") == 3
    assert text.count("server unix:/run/one.sock max_fails=0;") == 5


def test_nginx_that_is_too_old_for_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_program", lambda _path: Program((1, 27, 2), (3, 5)))
    with pytest.raises(RenderError, match=r"from version 1\.27\.3 on"):
        render(make_front(tmp_path, [f"{NAME}:8000"], resolver="127.0.0.11"))


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "etc").touch()
    options = ["--name=x", "--server=unix:/x", "--certificate=/c", "--key=/k"]
    with pytest.raises(SystemExit, match=r"^render: .*exists"):
        main([*options, f"--directory={tmp_path}/etc", f"--run={tmp_path}/run"])
