"""systemd's end of the line: a socket on which services say how they are."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NotifySocket:
    def __init__(self, address: str | Path) -> None:
        self.address = str(address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address.replace("@", "\0", 1))
        self._socket.setblocking(False)
        # What is read goes into the list in its order, whoever reads it.
        self._lock = threading.RLock()
        self.states: list[str] = []

    def heard(self) -> list[str]:
        """Return all that was said so far, in order."""
        with self._lock:
            while True:
                try:
                    self.states += self._socket.recv(4096).decode().splitlines()
                except BlockingIOError:
                    return self.states

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear all that is said in the block: few datagrams fit, and who says more waits."""
        ended = threading.Event()

        def listen() -> None:
            while not ended.wait(0.05):
                self.heard()

        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def forget(self) -> None:
        with self._lock:
            self.heard()
            self.states.clear()

    def close(self) -> None:
        self._socket.close()
