"""systemd's end of the line: a socket on which services say how they are."""

import socket
from pathlib import Path


class NotifySocket:
    def __init__(self, address: str | Path) -> None:
        self.address = str(address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address.replace("@", "\0", 1))
        self._socket.setblocking(False)
        self.states: list[str] = []

    def heard(self) -> list[str]:
        """Return all that was said so far, in order."""
        while True:
            try:
                self.states += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.states

    def forget(self) -> None:
        self.heard()
        self.states.clear()

    def close(self) -> None:
        self._socket.close()
