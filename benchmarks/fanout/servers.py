"""The servers: started for a while on a free port, each with one process that publishes.

The peers are the examples of their documentation, in the versions that npm and pip
install for the run; Nchan is the distribution's.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
START_SECONDS = 30
STOP_SECONDS = 30
NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
NODE_PACKAGES = ["socket.io@4.8.4"]
PYTHON_PACKAGES = ["Flask-SocketIO==5.7.0", "simple-websocket", "gunicorn", "gevent", "packaging"]

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
        location = /events {{
            nchan_subscriber; nchan_channel_id chat; nchan_subscriber_first_message newest;
        }}
        location = /post {{
            nchan_publisher; nchan_channel_id chat;
            nchan_message_buffer_length 1000; nchan_message_timeout 1m;
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Running:
    """A running server: how to listen to it, and how to publish an event."""

    name: str
    pid: int
    port: int
    mode: str
    path: str
    post_path: str = ""
    takes_lists: bool = True
    is_log: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def worker(self) -> int:
        """Return the process that publishes: the newest child of the server, or the server."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        workers = [int(pid) for pid in children if _is_server(int(pid))]
        return max(workers, default=self.pid)

    def cpu_seconds(self) -> float:
        """Return the processor time of the process that publishes."""
        fields = Path(f"/proc/{self.worker}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self) -> int:
        """Return the memory of the process that publishes, with its share of shared pages."""
        rollup = Path(f"/proc/{self.worker}/smaps_rollup").read_text()
        (line,) = [line for line in rollup.splitlines() if line.startswith("Pss:")]
        return int(line.split()[1]) * 1024

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def wait_until_up(self) -> None:
        _wait_for(self.port)


Start = Callable[[Path], contextlib.AbstractContextManager[Running | None]]

SOCKETIO_PATH = "/socket.io/?EIO=4&transport=websocket"


@contextlib.contextmanager
def chat(_tools: Path) -> Iterator[Running | None]:
    with tempfile.TemporaryDirectory(prefix="ngw2f-") as directory:
        port = _free_port()
        environment = {"NGW2F_DATA_DIR": directory, "NGW2F_RATE_LIMIT": "false",
                       "NGW2F_LOG_LEVEL": "WARNING"}  # fmt: skip
        command = [sys.executable, "-m", "gunicorn", "-c", str(PROJECT / "gunicorn.conf.py")]
        options = ["--log-level", "warning", "-b", f"127.0.0.1:{port}", "app:application"]
        with _process([*command, *options], port, environment, cwd=PROJECT) as pid:
            yield Running("the chat (SSE)", pid, port, "sse", "/events", is_log=True,
                          environment=environment)  # fmt: skip


@contextlib.contextmanager
def node_socketio(tools: Path) -> Iterator[Running | None]:
    if not shutil.which("node") or not shutil.which("npm"):
        yield None
        return
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(tools)]
    subprocess.run([*npm, *NODE_PACKAGES], check=True, stdout=subprocess.DEVNULL)
    port = _free_port()
    command = ["node", str(HERE / "peers" / "node_server.cjs"), str(port)]
    with _process(command, port, {"NODE_PATH": str(tools / "node_modules")}) as pid:
        yield Running("Node's Socket.IO", pid, port, "socketio", SOCKETIO_PATH, "/post")


@contextlib.contextmanager
def flask_socketio(tools: Path) -> Iterator[Running | None]:
    venv.create(tools / "flask", with_pip=True)
    python = str(tools / "flask" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", *PYTHON_PACKAGES], check=True)
    port = _free_port()
    command = [python, "-m", "gunicorn", "-k", "gevent", "-w", "1", "--worker-connections", "12000"]
    options = ["--log-level", "error", "-b", f"127.0.0.1:{port}", "flask_server:app"]
    with _process([*command, *options], port, cwd=HERE / "peers") as pid:
        yield Running("Flask-SocketIO", pid, port, "socketio", SOCKETIO_PATH, "/post")


@contextlib.contextmanager
def nchan(_tools: Path) -> Iterator[Running | None]:
    if not NCHAN.exists() or not shutil.which("nginx"):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="ngw2f-") as directory:
        port = _free_port()
        configuration = Path(directory) / "nginx.conf"
        configuration.write_text(NGINX.format(module=NCHAN, directory=directory, port=port))
        with _process(["nginx", "-c", str(configuration), "-p", directory], port) as pid:
            yield Running("Nchan in nginx (SSE)", pid, port, "sse", "/events", "/post",
                          takes_lists=False)  # fmt: skip


PEERS: Mapping[str, Start] = {"node": node_socketio, "flask": flask_socketio, "nchan": nchan}


def _is_server(pid: int) -> bool:
    """Return whether a child serves; the chat's other child supervises the embedded parts."""
    command = Path(f"/proc/{pid}/cmdline").read_bytes()
    return b"gunicorn" in command or b"nginx" in command


@contextlib.contextmanager
def _process(
    command: Sequence[str],
    port: int,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[int]:
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, cwd=cwd)
    try:
        _wait_for(port)
        yield process.pid
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


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
