"""The cache beside others: `python -m benchmarks.caches [--write] [--environment DIR]`.

What each does with a response, by probes over its port, and the processor time of a hit beside that
of the bare application under the same server, in one run. The others are installed into an
environment of its own, `.venv-caches` unless told otherwise; nginx, Varnish and Redis are Debian's.
What is not installed is named and left out. `--write` puts the tables into docs/caches.md.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from benchmarks.caches.probes import FRESH, PROBES, Site
from benchmarks.caches.servers import APPLICATIONS, ROOT, LackingError, Running, running

PEERS = (
    "hishel[async]",
    "django",
    "flask",
    "flask-caching",
    "beaker",
    "gunicorn[gevent]",
    "uvicorn",
    "redis",
    "hiredis",
)
PAGE = ROOT / "docs" / "caches.md"
REQUESTS = 1000
ROUNDS = 7
# Of a cache within a framework: what answers without it.
BARE = {"hishel": "ASGI, bare", "Flask-Caching": "Flask, bare", "Django": "Django, bare"}
CACHES = [name for name in APPLICATIONS if not name.endswith("bare")]
# Around each table in the page.
BEGIN, END = "<!-- {} -->\n", "<!-- end of {} -->\n"


def main() -> int:
    """Return 0 if all could be tried."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-caches")
    options = parser.parse_args()
    python = environment(options.environment)
    with ExitStack() as stack:
        servers: dict[str, Running] = {}
        for name in APPLICATIONS:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="caches-")))
            # nginx and Varnish change their user.
            place.chmod(0o777)
            try:
                servers[name] = stack.enter_context(running(name, python, place))
            except LackingError as lack:
                sys.stderr.write(f"{name}: not tried, {lack}\n")
        tables = {"features": features(servers), "speed": speed(servers)}
    for name, table in tables.items():
        sys.stdout.write(f"{table}\n")
        if options.write:
            write(name, table)
    return 0 if len(servers) == len(APPLICATIONS) else 1


def environment(place: Path) -> Path:
    """Return the Python of the others' environment, which is made if it is not there."""
    python = place / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PEERS], check=True)
    return python


def features(servers: dict[str, Running]) -> str:
    """Return the table of what each cache does."""
    names = [name for name in CACHES if name in servers]
    lines = [["what", "RFC", *names], ["---"] * (len(names) + 2)]
    totals = dict.fromkeys(names, 0)
    with ThreadPoolExecutor(len(names)) as pool:
        for what, clause, probe in PROBES:
            ports = [servers[name].port for name in names]
            seen = list(pool.map(partial(_does, probe), ports))
            lines.append([what, clause, *("yes" if does else "-" for does in seen)])
            totals = {name: totals[name] + does for name, does in zip(names, seen, strict=True)}
    lines.append([f"of {len(PROBES)}", "", *(str(totals[name]) for name in names)])
    return _markdown(lines)


def _does(probe: Callable[[Site], bool], port: int) -> bool:
    try:
        return probe(Site(port))
    except (OSError, ValueError):
        return False


def speed(servers: dict[str, Running]) -> str:
    """Return the table of what a hit costs, beside the bare application in the same round."""
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
    for server in servers.values():
        hits(server, 50)
    for _ in range(ROUNDS):
        for name, server in servers.items():
            rounds[name].append(hits(server, REQUESTS))
    lines = [
        ["cache", "a hit, beside plain WSGI", "spread", "beside its own framework", "and in Redis"],
        ["---"] * 5,
    ]
    for name, times in rounds.items():
        ratios = _ratios(times, rounds["bare"])
        own = BARE.get(name)
        beside = statistics.median(_ratios(times, rounds[own])) if own in rounds else None
        helper = statistics.median(_ratios([(b, 0.0) for _, b in times], rounds["bare"]))
        lines.append([
            name, f"{statistics.median(ratios):.2f}", f"{min(ratios):.2f} to {max(ratios):.2f}",
            "" if beside is None else f"{beside:.2f}", f"{helper:.2f}" if helper else "",
        ])  # fmt: skip
    bare = statistics.median(own for own, _ in rounds["bare"])
    load = os.getloadavg()[0]
    sys.stderr.write(f"plain WSGI: {bare / REQUESTS * 1e6:.0f} µs a request; load {load:.0f}\n")
    return _markdown(lines)


def _ratios(times: list[tuple[float, float]], bare: list[tuple[float, float]]) -> list[float]:
    return [own / other for (own, _), (other, _) in zip(times, bare, strict=True)]


def hits(server: Running, number: int) -> tuple[float, float]:
    """Ask so often on one connection; return the processor time of server and helper."""
    line = f"GET /speed?h={FRESH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port), 60) as connection:
        first = _ask(connection, line)
        before = server.seconds(), server.helper_seconds()
        for _ in range(number):
            last = _ask(connection, line)
        after = server.seconds(), server.helper_seconds()
    if "bare" not in server.name and first != last:
        raise RuntimeError(f"{server.name}: no hit")
    return after[0] - before[0], after[1] - before[1]


def _ask(connection: socket.socket, line: bytes) -> bytes:
    connection.sendall(line)
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65_536)
    head, _, content = data.partition(b"\r\n\r\n")
    length = next(
        int(field.partition(b":")[2])
        for field in head.lower().split(b"\r\n")
        if field.startswith(b"content-length")
    )
    while len(content) < length:
        content += connection.recv(65_536)
    return content[:8]


def _markdown(lines: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write(name: str, table: str) -> None:
    """Put a table into the page."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN.format(name))
    _, _, after = rest.partition(END.format(name))
    PAGE.write_text(
        f"{before}{BEGIN.format(name)}{table}{END.format(name)}{after}", encoding="utf-8"
    )


if __name__ == "__main__":
    sys.exit(main())
