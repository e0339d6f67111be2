"""Check a pooled connection of Redis without a turn of gevent's event loop.

Before each command, redis-py polls the connection, to see that it is neither closed nor has data
left. With gevent that is a watcher, a timer and a switch to the loop, which costs as much as the
command. A poll that does not wait needs none of them.
"""

import select
from typing import Any

from gevent.monkey import get_original
from redis._parsers import hiredis


def use_quick_check() -> None:
    """Use the system's own poll for checks that do not wait, in this process."""
    poll: Any = get_original("select", "poll")
    ask = hiredis._socket_can_read

    def can_read(sock: Any, timeout: float) -> bool:
        # TLS may have bytes of its own.
        if timeout or hasattr(sock, "pending"):
            return ask(sock, timeout)
        poller = poll()
        poller.register(sock, select.POLLIN)
        return bool(poller.poll(0))

    hiredis._socket_can_read = can_read
