"""Send made-up frames and packets to a chat, and say what it costs the others.

    python -m benchmarks.hostile.attack [--inputs 100000] [--clients 8] [--seed 1]

Clients send to /ws, to Socket.IO's WebSocket and to its polling, all at once, as fast as they
are answered. Told are the longest wait of `/healthz` on the same worker, and what is left when
they have gone: tracebacks, connections, subscriptions, memory.
"""

import argparse
import base64
import http.client
import random
import re
import select
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.hostile import live
from tests.live.server import ChatServer
from tests.waiting import wait_until

WEBSOCKETS = {"/ws": live.websocket, "/socket.io/?EIO=4&transport=websocket": live.socketio}
PROBE_SECONDS = 0.02
# A session that is left is given up after a ping and its time-out.
GONE_SECONDS = 90
TIMEOUT_SECONDS = 60.0
MAX_WAIT_SECONDS = 0.5
# After so long without an answer there is none.
QUIET_SECONDS = 0.2
PING = 9
# States of a connection in proc(5).
ESTABLISHED, CLOSE_WAIT = "01", "08"
MEGABYTE = 1024 * 1024


@dataclass
class Result:
    """What an attack did."""

    inputs: int = 0
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    tracebacks: int = 0
    http_after_switch: int = 0
    connections: int = 0
    subscriptions: int = 0
    grown_bytes: int = 0

    def __str__(self) -> str:
        waits = sorted(self.waits)
        p99 = waits[len(waits) * 99 // 100]
        return (
            f"{self.inputs:,} inputs in {self.seconds:.0f} s; "
            f"{len(waits):,} times /healthz waited {max(waits) * 1000:.0f} ms at most, "
            f"p99 {p99 * 1000:.0f} ms; tracebacks {self.tracebacks}, HTTP after a switch "
            f"{self.http_after_switch}; left: {self.connections} connections, "
            f"{self.subscriptions} subscriptions, {self.grown_bytes / MEGABYTE:+.1f} MB; "
            + ", ".join(f"{name}: {count}" for name, count in sorted(self.answers.items()))
        )


class Attack:
    """Clients that send what they like to one chat, until they have sent enough."""

    def __init__(self, chat: ChatServer, inputs: int, seed: int) -> None:
        self._chat = chat
        self._inputs = inputs
        self._seed = seed
        self._token = chat.register(f"attacker {seed}")
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self.result = Result()

    def run(self, clients: int) -> Result:
        """Run it, and measure what is left afterwards."""
        worker = self._chat.web_workers()[0]
        memory = memory_of(worker)
        kinds = [self._frames, self._frames, self._polls]
        prober = threading.Thread(target=self._probe)
        attackers = [
            threading.Thread(target=self._client, args=(number, kinds[number % len(kinds)]))
            for number in range(clients)
        ]
        start = time.monotonic()
        for thread in (prober, *attackers):
            thread.start()
        for thread in attackers:
            thread.join()
        self.result.seconds = time.monotonic() - start
        self._is_over.set()
        prober.join()
        with suppress(AssertionError):
            wait_until(lambda: not self._left(), GONE_SECONDS)
        self.result.connections = connections_of(self._chat.port)
        self.result.subscriptions = subscriptions(self._chat)
        self.result.grown_bytes = memory_of(worker) - memory
        self.result.tracebacks = self._chat.log.read_text(errors="replace").count("Traceback")
        return self.result

    def _left(self) -> int:
        return subscriptions(self._chat) + connections_of(self._chat.port)

    def _client(self, number: int, kind: Callable[[random.Random], None]) -> None:
        random_ = random.Random(f"{self._seed} {number}")
        while self.result.inputs < self._inputs:
            kind(random_)

    def _count(self, inputs: int, answer: str = "") -> None:
        with self._lock:
            self.result.inputs += inputs
            if answer:
                self.result.answers[answer] += 1

    def _frames(self, random_: random.Random) -> None:
        """Open a WebSocket, send until it ends or a while, and go."""
        path, source = random_.choice(list(WEBSOCKETS.items()))
        with socket.create_connection(("127.0.0.1", self._chat.port), TIMEOUT_SECONDS) as sock:
            sock.sendall(self._handshake(random_, path))
            head = sock.recv(65536)
            if b" 101 " not in head[:20]:
                self._count(1, "refused")
                return
            if "socket.io" in path:
                sock.sendall(live.frame(random_, b"40"))
            received = b""
            with suppress(OSError):
                for _ in range(random_.randrange(1, 60)):
                    mark = random_.randbytes(8)
                    content = source(random_) + live.frame(random_, mark, PING)
                    received = received[-20:] + exchange(sock, content, mark)
                    self._count(6)
            if b"HTTP/1" in received:
                self.result.http_after_switch += 1
            self._count(0, "WebSockets")

    def _handshake(self, random_: random.Random, path: str) -> bytes:
        key = base64.b64encode(random_.randbytes(16)).decode()
        signed_in = f"Authorization: Bearer {self._token}\r\n" * random_.randrange(2)
        return (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._chat.port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"{signed_in}\r\n"
        ).encode()

    def _polls(self, random_: random.Random) -> None:
        """Open a session by polling, post until it ends or a while, and leave it."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._chat.port, timeout=TIMEOUT_SECONDS
        )
        try:
            status, body = ask(connection, "GET", "EIO=4&transport=polling")
            found = re.search(r'"sid":"([^"]+)"', body)
            if found is None:
                self._count(1, f"polling {status}")
                return
            for _ in range(random_.randrange(1, 10)):
                query = live.polling_query(random_, found[1])
                status, _ = ask(connection, "POST", query, live.payload(random_))
                self._count(1, f"polling {status}")
            ask(connection, "POST", f"EIO=4&transport=polling&sid={found[1]}", b"1")
        except (OSError, http.client.HTTPException) as error:
            self._count(0, f"polling {type(error).__name__}")
        finally:
            connection.close()

    def _probe(self) -> None:
        """Ask the same worker for its health, over and over."""
        while not self._is_over.is_set():
            start = time.monotonic()
            with socket.create_connection(("127.0.0.1", self._chat.port), TIMEOUT_SECONDS) as sock:
                sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n\r\n")
                sock.recv(1024)
            self.result.waits.append(time.monotonic() - start)
            time.sleep(PROBE_SECONDS)


def exchange(sock: socket.socket, content: bytes, until: bytes) -> bytes:
    """Send all of it, and read until *until* comes, for a while. Raises OSError at the end."""
    received, deadline = b"", time.monotonic() + TIMEOUT_SECONDS
    rest = memoryview(content)
    while until not in received[-10_000:] and time.monotonic() < deadline:
        readable, writable, _ = select.select([sock], [sock] if rest else [], [], QUIET_SECONDS)
        if readable:
            more = sock.recv(1 << 20)
            if not more:
                raise BrokenPipeError
            received += more
        elif not writable:
            break  # It waits for the rest of a frame, say.
        if writable:
            rest = rest[sock.send(rest[:65536]) :]
    return received


def ask(
    connection: http.client.HTTPConnection, method: str, query: str, body: bytes | None = None
) -> tuple[int, str]:
    connection.request(method, f"/socket.io/?{query}", body)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(errors="replace")


def subscriptions(chat: ChatServer) -> int:
    """Return how many clients the hub has, as /metrics tells."""
    text = chat.call("GET", "/metrics").text
    found = re.findall(r"^ngw2f_streams\{.*\} (\S+)$", text, re.MULTILINE)
    return int(sum(map(float, found)))


def connections_of(port: int) -> int:
    """Return how many connections the server's side has open (proc(5), net/tcp)."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    local = f":{port:04X}"
    return sum(line[1].endswith(local) and line[3] in (ESTABLISHED, CLOSE_WAIT) for line in lines)


def memory_of(pid: int) -> int:
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hostile.attack")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ngw2f-") as directory:
        chat = ChatServer(Path(directory))
        chat.start()
        try:
            # What a first round takes stays: pools, caches, the allocator's arenas.
            Attack(chat, options.inputs // 10, options.seed + 1).run(options.clients)
            print(Attack(chat, options.inputs, options.seed).run(options.clients), flush=True)
        finally:
            chat.stop()


if __name__ == "__main__":
    main()
