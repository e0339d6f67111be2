"""Where the embedded broker listens, and how to ask it without a client, which loads slowly."""

import hashlib
import os
import socket
import tempfile
from pathlib import Path

# A Unix socket's path has at most 103 bytes on the systems that we run on.
MAX_SOCKET_PATH_BYTES = 103


def embedded_socket(data_path: Path) -> Path:
    """Return the socket of the embedded Valkey: under var/, or under /tmp if its path is unfit."""
    path = data_path / "valkey.sock"
    # Valkey names it in its list of clients, which has a line for each and is read by RQ.
    is_one_line = len(str(path).splitlines()) == 1
    if is_one_line and len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(data_path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"ngw2f-{os.getuid()}-{name}" / "valkey.sock"


def ask(data_path: Path, command: bytes, seconds: float) -> bytes:
    """Return the answer to a command of one word; nothing if there is none in *seconds*."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(seconds)
        try:
            asking.connect(str(embedded_socket(data_path)))
            asking.sendall(command + b"\r\n")
            return asking.recv(1024)
        except OSError:
            return b""
