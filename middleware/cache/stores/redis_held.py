"""Connections that stay with the store, in place of a pool that is asked for each command.

The pool of redis-py (and of valkey-py) polls a connection before it hands it out, and counts those
it lends. Without that, a command costs half, or under gevent a quarter. What the pool guards
against is guarded here as well: a connection is in one hand at a time, belongs to the process that
opened it, is not used again after any error, and one that the server has closed meanwhile is an
error of one try, which the pool's next connection repeats.
"""

import os
from typing import Any

# The most connections that wait for a command; more are open only while more commands run.
_MOST = 16
# Of a pool's connections, the part that may wait here: the application may use it as well.
_PART = 4
# Only what is known to be a client with a connection of its own beside a pool that opens any: a
# class derived from it, or a pool of Sentinel's, may choose the connection itself.
_CLIENTS = frozenset({("redis.client", "Redis"), ("valkey.client", "Valkey")})
_POOLS = frozenset({"ConnectionPool", "BlockingConnectionPool"})


def most_held(client: Any) -> int:
    """Return how many connections to hold; 0 for a client whose way to a connection is unknown."""
    kind, pool = type(client), getattr(client, "connection_pool", None)
    is_known = (kind.__module__, kind.__name__) in _CLIENTS and type(pool).__name__ in _POOLS
    if not is_known or client.connection is not None:
        return 0
    return min(_MOST, int(getattr(pool, "max_connections", 0)) // _PART)


class HeldConnections:
    """Sends commands through clients of one connection each, made by a redis-py client."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._most = most_held(client)
        self._idle: list[Any] = []
        self._process = 0

    def execute(self, *arguments: Any) -> Any:
        """Send one command and return its answer; what the client raises passes."""
        if not self._most:
            return self._client.execute_command(*arguments)
        if self._process != os.getpid():
            # A connection that a parent has open would mix the answers of both.
            self._idle, self._process = [], os.getpid()
        try:
            one = self._idle.pop()
        except IndexError:
            one, is_new = self._client.client(), True
        else:
            is_new = False
        try:
            answer = one.execute_command(*arguments)
        except BaseException as error:
            one.connection.disconnect()
            one.close()
            if is_new or not isinstance(error, Exception):
                raise
            return self._client.execute_command(*arguments)
        if len(self._idle) < self._most:
            self._idle.append(one)
        else:
            one.close()
        return answer
