"""The servers: started for a while on a free port, each with one process that tells."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
START_SECONDS = 30

NGINX = """
load_module {module};
worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 12000; }}
http {{
    access_log off;
    client_body_temp_path {directory};
    server {{
        listen 127.0.0.1:{port};
        location = /events {{ nchan_subscriber; nchan_channel_id chat; }}
        location = /post {{
            nchan_publisher; nchan_channel_id chat;
            nchan_message_buffer_length 1000; nchan_message_timeout 1m;
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Running:
    """A server that runs: how one listens to it, and how it is told what happened."""

    name: str
    port: int
    mode: str
    path: str
    post_path: str = ""
    takes_lists: bool = True
    is_log: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


SOCKETIO = {"mode": "socketio", "path": "/socket.io/?EIO=4&transport=websocket"}


@contextlib.contextmanager
def chat() -> Iterator[Running | None]:
    with tempfile.TemporaryDirectory(prefix="ngw2f-") as directory:
        port = _free_port()
        environment = {"NGW2F_DATA_DIR": directory, "NGW2F_RATE_LIMIT": "false"}
        command = [sys.executable, "-m", "gunicorn", "-c", str(PROJECT / "gunicorn.conf.py")]
        options = ["--log-level", "warning", "-b", f"127.0.0.1:{port}", "app:application"]
        with _process([*command, *options], port, environment, cwd=PROJECT):
            yield Running("the chat, SSE", port, "sse", "/events", is_log=True,
                          environment=environment)  # fmt: skip


@contextlib.contextmanager
def node_socketio() -> Iterator[Running | None]:
    modules = os.environ.get("NODE_PATH", "")
    if not (Path(modules) / "socket.io").is_dir():
        yield None
        return
    port = _free_port()
    with _process(["node", str(HERE / "peers" / "node_server.cjs"), str(port)], port):
        yield Running("Node's Socket.IO", port, post_path="/post", **SOCKETIO)


@contextlib.contextmanager
def flask_socketio() -> Iterator[Running | None]:
    python = os.environ.get("FLASK_PYTHON")
    if not python:
        yield None
        return
    port = _free_port()
    command = [python, "-m", "gunicorn", "-k", "gevent", "-w", "1", "--worker-connections", "2000"]
    options = ["--log-level", "error", "-b", f"127.0.0.1:{port}", "flask_server:app"]
    with _process([*command, *options], port, cwd=HERE / "peers"):
        yield Running("Flask-SocketIO", port, post_path="/post", **SOCKETIO)


@contextlib.contextmanager
def nchan() -> Iterator[Running | None]:
    module = os.environ.get("NCHAN_MODULE")
    if not module:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="ngw2f-") as directory:
        port = _free_port()
        configuration = Path(directory) / "nginx.conf"
        configuration.write_text(NGINX.format(module=module, directory=directory, port=port))
        with _process(["nginx", "-c", str(configuration), "-p", directory], port):
            yield Running("Nchan in nginx, SSE", port, "sse", "/events", "/post",
                          takes_lists=False)  # fmt: skip


@contextlib.contextmanager
def _process(
    command: Sequence[str],
    port: int,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[None]:
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, cwd=cwd)
    try:
        _wait_for(port)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
