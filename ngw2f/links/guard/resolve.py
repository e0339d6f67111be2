"""Resolve names in bounded time, although the system's resolver cannot be interrupted."""

import socket
import threading
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from queue import Empty, Queue
from typing import Final

from ngw2f.links.guard.address import Address
from ngw2f.links.guard.errors import LinkFailed

# Returns a name's addresses, best first, within some seconds. A final dot makes the name absolute
# (RFC 1034 section 3.1). Raises `LinkFailed` of kind `dns` or `timeout`.
Resolve = Callable[[str, float], Sequence[Address]]

# As many as a worker has fetches in flight. A thread that waits for DNS costs some 20 kB; with
# few slots, names crafted not to answer would delay all others.
DEFAULT_SLOTS: Final = 512


class SystemResolver:
    """`getaddrinfo`, each call in its own thread, which is abandoned when time is up.

    An abandoned thread ends when `getaddrinfo` gives up, some 10 to 30 s later with the resolver's
    usual settings. `slots` bounds the number of threads; while all are taken, a look-up waits,
    and then fails. The threads are daemons, so that they do not delay the end of the process.
    """

    def __init__(self, slots: int = DEFAULT_SLOTS) -> None:
        self._slots = threading.BoundedSemaphore(slots)

    def __call__(self, name: str, timeout_seconds: float) -> Sequence[Address]:
        if not self._slots.acquire(timeout=timeout_seconds):
            raise LinkFailed("dns", "the resolver is busy with names that do not answer")
        answer: Queue[list[Address] | OSError] = Queue()
        thread = threading.Thread(target=self._look_up, args=(name, answer), daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # The thread did not start, so it cannot release the slot.
            self._slots.release()
            raise LinkFailed("dns", "the resolver has no thread left") from error
        try:
            found = answer.get(timeout=timeout_seconds)
        except Empty as error:
            raise LinkFailed("timeout", "the name did not resolve in time") from error
        if isinstance(found, OSError):
            raise LinkFailed("dns", f"the name does not resolve: {found.strerror}") from found
        return found

    def _look_up(self, name: str, answer: "Queue[list[Address] | OSError]") -> None:
        try:
            answer.put(_get_addresses(name))
        except OSError as error:
            answer.put(error)
        finally:
            self._slots.release()


def _get_addresses(name: str) -> list[Address]:
    # Bytes, because a str would go through Python's own IDNA codec, which implements IDNA 2003.
    found = socket.getaddrinfo(name.encode("ascii"), None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(sockaddr[0]) for *_, sockaddr in found))
