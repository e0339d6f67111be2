"""Each cache on a port of its own: how it is started, and what its processes have used."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
# Its own recommendation where it has several: all that its manual has for stale responses.
NGINX = """
daemon off;
worker_processes 1;
pid {place}/nginx.pid;
error_log {place}/error.log;
events {{}}
http {{
  access_log off;
  keepalive_requests 1000000;
  client_body_temp_path {place}/client;
  proxy_temp_path {place}/proxy;
  fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi;
  scgi_temp_path {place}/scgi;
  proxy_cache_path {place}/cache keys_zone=all:10m;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{behind};
      proxy_set_header Host $http_host;
      proxy_cache all;
      proxy_cache_lock on;
      proxy_cache_revalidate on;
      proxy_cache_background_update on;
      proxy_cache_use_stale updating error timeout http_500;
    }}
  }}
}}
"""
VCL = 'vcl 4.1; backend default {{ .host = "127.0.0.1"; .port = "{behind}"; }}\n'


@dataclass(frozen=True, slots=True)
class Running:
    """A server with an application, and a program beside it that works for each hit."""

    name: str
    port: int
    process: int
    helper: int | None = None

    def seconds(self) -> float:
        """Return the processor time of all its processes."""
        return sum(map(processor_seconds, family(self.process)))

    def helper_seconds(self) -> float:
        return 0.0 if self.helper is None else processor_seconds(self.helper)


class LackingError(Exception):
    """What is not installed."""


def family(pid: int) -> list[int]:
    """List a process and its children."""
    tasks = Path(f"/proc/{pid}/task")
    children = " ".join((task / "children").read_text() for task in tasks.iterdir())
    return [pid, *(one for child in children.split() for one in family(int(child)))]


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process: clock_getcpuclockid() gives this clock's number."""
    return time.clock_gettime((~pid << 3) | 2)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _gunicorn(python: Path, port: int) -> list[str]:
    options = ["--config", os.devnull, "--no-control-socket", "--keep-alive", "60"]
    options += ["--worker-class", "gevent", "--bind", f"127.0.0.1:{port}"]
    return [str(python), "-m", "gunicorn", *options, "benchmarks.caches.apps:application"]


def _uvicorn(python: Path, port: int) -> list[str]:
    options = [
        "--port",
        str(port),
        "--no-access-log",
        "--log-level",
        "warning",
        "--timeout-keep-alive",
        "60",
    ]
    return [str(python), "-m", "uvicorn", *options, "benchmarks.caches.apps:application"]


# The name of the application, and what stands in front of or behind it.
APPLICATIONS = {
    "bare": "bare",
    "ours, memory": "memory",
    "ours, Redis": "redis",
    "Flask, bare": "flask",
    "Flask-Caching": "flask_caching",
    "Django, bare": "django",
    "Django": "django_cache",
    "Beaker": "beaker",
    "ASGI, bare": "asgi",
    "hishel": "hishel",
    "nginx": "bare",
    "Varnish": "bare",
}


@contextmanager
def running(name: str, python: Path, place: Path) -> Iterator[Running]:
    """Run a cache with its application; LackingError if it is not installed."""
    with ExitStack() as stack:
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "APPLICATION": APPLICATIONS[name]}
        helper = None
        if name == "ours, Redis":
            helper = stack.enter_context(_process(_redis(place), environ, place / "redis.sock"))
            environ["REDIS_SOCKET"] = str(place / "redis.sock")
        environ["HISHEL_DATABASE"] = str(place / "hishel.db")
        port = free_port()
        server = _uvicorn if name in {"hishel", "ASGI, bare"} else _gunicorn
        process = stack.enter_context(_process(server(python, port), environ, port))
        if name in {"nginx", "Varnish"}:
            behind, port = port, free_port()
            make = _nginx if name == "nginx" else _varnish
            process = stack.enter_context(_process(make(place, port, behind), environ, port))
        yield Running(name, port, process, helper)


def _redis(place: Path) -> list[str]:
    program = _program("redis-server")
    return [
        program,
        "--port",
        "0",
        "--unixsocket",
        str(place / "redis.sock"),
        "--save",
        "",
        "--dir",
        str(place),
    ]


def _nginx(place: Path, port: int, behind: int) -> list[str]:
    configuration = place / "nginx.conf"
    configuration.write_text(NGINX.format(place=place, port=port, behind=behind))
    return [
        _program("nginx"),
        "-c",
        str(configuration),
        "-p",
        str(place),
        "-e",
        str(place / "error.log"),
    ]


def _varnish(place: Path, port: int, behind: int) -> list[str]:
    program = _program("varnishd")
    (place / "default.vcl").write_text(VCL.format(behind=behind))
    options = ["-F", "-a", f"127.0.0.1:{port}", "-n", str(place / "varnish"), "-s", "malloc,64m"]
    return [program, *options, "-f", str(place / "default.vcl"), "-p", "thread_pools=1"]


def _program(name: str) -> str:
    program = shutil.which(name) or shutil.which(f"/usr/sbin/{name}")
    if program is None:
        raise LackingError(f"apt-get install {name}")
    return program


@contextmanager
def _process(command: list[str], environ: dict[str, str], listens: int | Path) -> Iterator[int]:
    process = subprocess.Popen(
        command, env=environ, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _does_listen(listens):
            if process.poll() is not None or time.monotonic() > deadline:
                raise LackingError(f"it does not start: {' '.join(command)}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _does_listen(where: int | Path) -> bool:
    kind = socket.AF_UNIX if isinstance(where, Path) else socket.AF_INET
    with socket.socket(kind) as probe:
        return (
            probe.connect_ex(str(where) if isinstance(where, Path) else ("127.0.0.1", where)) == 0
        )
