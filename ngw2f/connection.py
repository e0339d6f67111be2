"""A client's connection as gunicorn's parser and its responses use it.

Once another protocol has taken it over, it is closed for HTTP for good: whatever an
application or a layer around it still writes reaches nobody, and nothing that comes is
read as a request (RFC 9110 section 7.8).
"""

import errno
import os
from collections.abc import Callable
from typing import Any, NoReturn


class Connection:
    """One client's socket, until it is taken over.

    `switch_protocols` stands for the socket in the environ (`gunicorn.socket`); who takes the
    connection over calls it before the first byte that is not HTTP.
    """

    def __init__(self, sock: Any) -> None:
        self._socket = sock
        self._has_switched = False
        # The parser's: what it has read and not used.
        self.take_buffered: Callable[[], bytes] = bytes
        # Bound here, so nothing stands between a stream's event and the socket.
        self.recv = sock.recv
        self.send = sock.send
        self.sendall = sock.sendall
        self.sendfile = sock.sendfile
        self.fileno = sock.fileno
        self.getsockname = sock.getsockname
        self.gettimeout = sock.gettimeout
        self.settimeout = sock.settimeout
        self.setblocking = sock.setblocking
        self.shutdown = sock.shutdown

    @property
    def has_switched(self) -> bool:
        """Say whether another protocol has it."""
        return self._has_switched

    def switch_protocols(self) -> tuple[Any, bytes]:
        """Take it from HTTP; return the socket, and what came after the request's head."""
        self._has_switched = True
        self.recv = _has_ended
        self.send = self.sendall = self.sendfile = _refuse
        return self._socket, self.take_buffered()

    def close(self) -> None:
        self._socket.close()


def _has_ended(_size: int) -> bytes:
    return b""


def _refuse(*_arguments: object, **_options: object) -> NoReturn:
    """Raise what gunicorn takes for a client that has gone: it ends the connection, silently."""
    raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
