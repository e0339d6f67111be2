"""What one worker of each class can take: `python -m benchmarks.workers [--write]`.

The rates are of requests with a connection each, beside the sync worker's in the same run.
`--write` puts the table into docs/servers.md.
"""

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

CLASSES = {
    "sync": [],
    "gthread, 16 threads": ["--threads", "16"],
    "gevent": [],
    "tornado": [],
}
CLIENTS = 4
SECONDS = 2.0
ROUNDS = 5
SLOW = (1, 4, 16, 64, 256)
STREAMS = 200
PATIENCE_SECONDS = 3.0
PAGE = Path(__file__).parents[1] / "docs" / "servers.md"
BEGIN, END = "<!-- capacity -->\n", "<!-- end of capacity -->\n"
HEADINGS = [
    "worker", "requests a second, beside sync's", "the cache's hits, beside that", "slow clients",
    f"streams of {STREAMS}", "memory, idle", "and a stream",
]  # fmt: skip


class Worker:
    """A gunicorn with one worker."""

    def __init__(self, name: str, port: int, pid: int) -> None:
        self.name = name
        self.port = port
        self.pid = pid

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS)

    def ask(self, path: str) -> bytes:
        """Return a response, asked for on a connection of its own."""
        with self.connect() as connection:
            connection.sendall(request_for(path))
            return b"".join(iter(lambda: connection.recv(65_536), b""))

    def memory_kb(self) -> int:
        """Return the proportional set size of the worker process, in KiB."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return sum(map(pss_kb, children))


def request_for(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".encode()


def pss_kb(pid: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


@contextlib.contextmanager
def running(name: str) -> Iterator[Worker]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    worker_class = name.partition(",")[0]
    command = [
        sys.executable, "-m", "gunicorn", "--config", os.devnull, "--no-control-socket",
        "--bind", f"127.0.0.1:{port}", "--worker-class", worker_class, "--backlog", "2048",
        "--graceful-timeout", "1", *CLASSES[name], "benchmarks.workers_app:application",
    ]  # fmt: skip
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        worker = Worker(name, port, process.pid)
        try:
            wait_for(worker)
            yield worker
        finally:
            process.terminate()
            process.wait(60)


def wait_for(worker: Worker) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if worker.ask("/hit").startswith(b"HTTP/1.1 200"):
                return
        time.sleep(0.1)
    raise TimeoutError(f"{worker.name} does not answer")


def rate(worker: Worker, path: str) -> float:
    """Return the requests a second of CLIENTS processes, each on new connections."""
    asking = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.workers", "ask", str(worker.port), path],
            stdout=subprocess.PIPE, text=True,
        )
        for _ in range(CLIENTS)
    ]  # fmt: skip
    return sum(int(process.communicate()[0]) for process in asking) / SECONDS


def ask_for_a_while(port: int, path: str) -> int:
    worker, count = Worker("", port, 0), 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        worker.ask(path)
        count += 1
    return count


def slow_clients(worker: Worker) -> int:
    """Return beside how many clients that stop in the middle of their request one is served."""
    served = 0
    for number in SLOW:
        with contextlib.ExitStack() as stack:
            for _ in range(number):
                slow = stack.enter_context(worker.connect())
                slow.sendall(b"GET / HTTP/1.1\r\nHost: sl")
            time.sleep(0.5)
            try:
                worker.ask("/")
            except OSError:
                break
            served = number
    return served


def streams(worker: Worker) -> tuple[int, float]:
    """Return how many of STREAMS begin, and what each takes of the worker's memory, in KiB."""
    before = worker.memory_kb()
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(worker.connect()) for _ in range(STREAMS)]
        for connection in opened:
            connection.sendall(request_for("/stream"))
        end, begun = time.monotonic() + PATIENCE_SECONDS, 0
        for connection in opened:
            connection.settimeout(max(0.01, end - time.monotonic()))
            with contextlib.suppress(OSError):
                begun += b"event" in connection.recv(65_536) or b"event" in connection.recv(65_536)
        return begun, (worker.memory_kb() - before) / begun if begun else 0.0


def measure() -> list[list[str]]:
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(running(name)) for name in CLASSES]
        rates: dict[str, list[tuple[float, float]]] = {name: [] for name in CLASSES}
        for _ in range(ROUNDS):
            for worker in workers:
                rates[worker.name].append((rate(worker, "/"), rate(worker, "/hit")))
        base = [pair[0] for pair in rates["sync"]]
        rows = []
        for worker in workers:
            memory = worker.memory_kb()
            slow = slow_clients(worker)
            rows.append([worker.name, *ratios(rates[worker.name], base), slow_text(slow)])
            rows[-1].append(f"{memory / 1024:.0f} MB")
    for row in rows:
        # Anew, since a worker may still be busy with the slow clients.
        with running(row[0]) as worker:
            begun, each = streams(worker)
        row.insert(4, str(begun))
        row.append(f"{each:.0f} kB" if begun == STREAMS else "-")
    return rows


def slow_text(served: int) -> str:
    return f"{served} or more" if served == SLOW[-1] else f"{served}, and not {SLOW[place(served)]}"


def place(served: int) -> int:
    return SLOW.index(served) + 1 if served else 0


def ratios(pairs: list[tuple[float, float]], base: list[float]) -> list[str]:
    """Return the medians of both rates beside that of sync's, round by round."""
    columns = zip(*pairs, strict=True)
    return [
        f"{statistics.median(mine / sync for mine, sync in zip(column, base, strict=True)):.2f}"
        for column in columns
    ]


def table(rows: list[list[str]]) -> str:
    lines = [HEADINGS, ["---"] * len(HEADINGS), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["ask"]:
        print(ask_for_a_while(int(arguments[1]), arguments[2]))
        return 0
    text = table(measure())
    print(text)
    if "--write" in arguments:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(before + BEGIN + text + END + after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
