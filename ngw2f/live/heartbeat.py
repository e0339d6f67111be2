"""What the hub does every second: heartbeats, clients that do not read, tokens that expire."""

import errno
import logging
import time
from typing import TYPE_CHECKING

import gevent
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from ngw2f.live.hub import Hub
    from ngw2f.live.subscription import Subscription

TICK_SECONDS = 1.0
# Every connection hears something within so many ticks. Which one is its own is as
# good as random, so that not all do at once.
HEARTBEAT_TICKS = 16
# A client that has not taken what it was sent for so long is cut off.
STALL_SECONDS = 30.0
# Tokens expire without an event; all are looked at after so many ticks.
TOKEN_CHECK_TICKS = 30

log = logging.getLogger(__name__)


class Caretaker:
    def __init__(self, hub: "Hub") -> None:
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
                # Without this greenlet no connection hears that it lives: it does not end.
                log.exception("the caretaker stumbled; it goes on")

    def _visit(self) -> None:
        """Look at those whose turn it is."""
        stalled_since = self._hub.clock - STALL_SECONDS
        for subscription in self._hub.subscriptions():
            # Addresses of objects are multiples of 16.
            if (id(subscription) >> 5) % HEARTBEAT_TICKS != self._ticks % HEARTBEAT_TICKS:
                continue
            if not subscription.busy_since:
                subscription.remind()
            elif subscription.busy_since < stalled_since:
                cut_off(subscription)


def cut_off(subscription: "Subscription") -> None:
    """End a connection whose client does not read, in the middle of its writing.

    The error is the one that servers know from clients that have gone.
    """
    error = BrokenPipeError(errno.EPIPE, "the client does not read")
    gevent.kill(subscription.greenlet, error)
