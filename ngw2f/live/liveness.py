"""Every second: send heartbeats, disconnect clients that do not read, check tokens."""

import errno
import logging
import time
from collections.abc import Iterable
from typing import Protocol

import gevent
from sqlalchemy.exc import SQLAlchemyError

from ngw2f.live.subscription import Subscription

TICK_SECONDS = 1.0
# Every connection gets a heartbeat within this many ticks; each tick serves a part of them.
HEARTBEAT_TICKS = 16
# A client that has not read for this long is disconnected.
STALL_SECONDS = 30.0
# Tokens expire without an event, so all are checked once in this many ticks.
TOKEN_CHECK_TICKS = 30

log = logging.getLogger(__name__)


class Connections(Protocol):
    """What liveness looks at: the hub."""

    clock: float

    def subscriptions(self) -> Iterable[Subscription]: ...

    def check_tokens(self) -> None: ...


class Liveness:
    def __init__(self, hub: Connections) -> None:
        self._hub = hub
        self._ticks = 0

    def run(self) -> None:
        while True:
            gevent.sleep(TICK_SECONDS)
            self._hub.clock = time.monotonic()
            self._ticks += 1
            try:
                self._visit()
                if self._ticks % TOKEN_CHECK_TICKS == 0:
                    self._hub.check_tokens()
            except SQLAlchemyError as error:
                log.warning("tokens were not checked: %s", error)
            except Exception:
                # Without this greenlet every connection looks dead, so it must not end.
                log.exception("heartbeat tick failed; continuing")

    def _visit(self) -> None:
        """Look at the connections whose turn it is."""
        stalled_since = self._hub.clock - STALL_SECONDS
        for subscription in self._hub.subscriptions():
            if (subscription.number - self._ticks) % HEARTBEAT_TICKS:
                continue
            if not subscription.busy_since:
                subscription.remind()
            elif subscription.busy_since < stalled_since:
                cut_off(subscription)


def cut_off(subscription: Subscription) -> None:
    """End the connection of a client that does not read, in the middle of a write.

    The error is the one that servers expect when a client has gone.
    """
    error = BrokenPipeError(errno.EPIPE, "the client does not read")
    gevent.kill(subscription.greenlet, error)
