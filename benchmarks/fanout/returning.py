"""Clients that reconnect as soon as their server has restarted, with the last id they saw."""

import re
import selectors
import socket
import threading
import time

from benchmarks.fanout.servers import Running

EVENT = re.compile(rb"id: ([0-9-]+)\nevent: message\.created\ndata: \{\"id\":([0-9]+)")
ID = re.compile(rb"^id: ([0-9-]+)$", re.MULTILINE)
CUT = b"\n\n"
# The pause before a client that was refused tries again.
PAUSE_SECONDS = 0.01


class Client:
    """One client: one connection after the other, and the messages that it got."""

    def __init__(self) -> None:
        self.sock: socket.socket | None = None
        self.last_id = b""
        self.seen: list[int] = []
        self.buffer = b""
        self.connections = 0

    def feed(self, some: bytes) -> None:
        whole, cut, self.buffer = (self.buffer + some).rpartition(CUT)
        whole += cut
        ids = ID.findall(whole)
        self.last_id = ids[-1] if ids else self.last_id
        self.seen += [int(number) for _, number in EVENT.findall(whole)]
        # The response's head comes together with the first event, which has an id.
        self.connections += whole.count(b"HTTP/1.1 200")


class Crowd(threading.Thread):
    """Clients in one thread; they reconnect without a pause."""

    def __init__(self, running: Running, count: int) -> None:
        super().__init__(daemon=True)
        self._address = ("127.0.0.1", running.port)
        self._selector = selectors.DefaultSelector()
        self.clients = [Client() for _ in range(count)]
        self._away = list(self.clients)
        # When the first connection was closed.
        self.cut_at: float | None = None
        self.is_stopping = False

    def run(self) -> None:
        while not self.is_stopping:
            away, self._away = self._away, []
            for place, client in enumerate(away):
                if not self._connect(client):
                    self._away += away[place:]
                    break
            for key, _ in self._selector.select(PAUSE_SECONDS):
                self._read(key.data)
        for client in self.clients:
            if client.sock:
                client.sock.close()
        self._selector.close()

    def are_back(self, times: int, newest: int) -> bool:
        """Return whether all have connected this many times and have the newest message."""
        return all(
            each.connections >= times and each.seen and each.seen[-1] >= newest
            for each in self.clients
        )

    def wait_until(self, times: int, newest: int, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self.are_back(times, newest):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def _connect(self, client: Client) -> bool:
        try:
            sock = socket.create_connection(self._address, timeout=10)
        except OSError:
            return False
        after = b"Last-Event-ID: %b\r\n" % client.last_id if client.last_id else b""
        head = b"GET /events HTTP/1.1\r\nHost: chat\r\nAccept: text/event-stream\r\n"
        try:
            sock.sendall(head + after + b"\r\n")
        except OSError:
            sock.close()
            return False
        sock.setblocking(False)
        client.sock, client.buffer = sock, b""
        self._selector.register(sock, selectors.EVENT_READ, client)
        return True

    def _read(self, client: Client) -> None:
        assert client.sock is not None
        try:
            some = client.sock.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            some = b""
        if some:
            client.feed(some)
            return
        self.cut_at = self.cut_at or time.monotonic()
        self._selector.unregister(client.sock)
        client.sock.close()
        client.sock = None
        self._away.append(client)
