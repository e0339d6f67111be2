"""Random frames and packets over /ws, over Socket.IO's WebSocket and its polling.

Each client sends as fast as it gets responses, for a while, in one session after the other.
"""

import base64
import http.client
import random
import re
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from benchmarks.hostile import live

WEBSOCKETS = {"/ws": live.websocket, "/socket.io/?EIO=4&transport=websocket": live.socketio}
TIMEOUT_SECONDS = 60.0
# After this time without a response, none is expected.
QUIET_SECONDS = 0.2
PING = 9
# The error to look for: HTTP after the switch to another protocol.
HTTP_AFTER_SWITCH = "HTTP after a switch"


class Sessions:
    """Clients that send random input to one chat until they have sent enough."""

    def __init__(self, port: int, token: str, inputs: int, seconds: float, seed: int) -> None:
        self._port = port
        self._token = token
        self._inputs = inputs
        self._deadline = time.monotonic() + seconds
        self._seed = seed
        self._lock = threading.Lock()
        self.sent = 0
        self.answers: Counter[str] = Counter()

    def run(self, clients: int) -> None:
        kinds = [self._frames, self._frames, self._polls]
        threads = [
            threading.Thread(target=self._client, args=(number, kinds[number % len(kinds)]))
            for number in range(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _client(self, number: int, kind: Callable[[random.Random], None]) -> None:
        random_ = random.Random(f"{self._seed} {number}")
        while self.sent < self._inputs and time.monotonic() < self._deadline:
            with suppress(OSError):
                kind(random_)

    def _count(self, inputs: int, answer: str = "") -> None:
        with self._lock:
            self.sent += inputs
            if answer:
                self.answers[answer] += 1

    def _frames(self, random_: random.Random) -> None:
        """Open a WebSocket, send for a while or until it ends, and leave."""
        path, source = random_.choice(list(WEBSOCKETS.items()))
        with socket.create_connection(("127.0.0.1", self._port), TIMEOUT_SECONDS) as sock:
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
                self._count(0, HTTP_AFTER_SWITCH)
            self._count(0, "WebSockets")

    def _handshake(self, random_: random.Random, path: str) -> bytes:
        key = base64.b64encode(random_.randbytes(16)).decode()
        signed_in = f"Authorization: Bearer {self._token}\r\n" * random_.randrange(2)
        return (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"{signed_in}\r\n"
        ).encode()

    def _polls(self, random_: random.Random) -> None:
        """Open a polling session, post for a while or until it ends, and leave."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_SECONDS)
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


def exchange(sock: socket.socket, content: bytes, until: bytes) -> bytes:
    """Send everything, and read for a while or until *until* comes. Raises OSError at the end."""
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
