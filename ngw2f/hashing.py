"""The queue in front of the password hashes: fair, and too long for nobody to fill alone.

Each hash takes 64 MiB and a core for some tens of milliseconds, so few are computed
at a time. An account has one at a time, and addresses take turns: whoever sends
many waits behind everybody else.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar

from gevent.event import Event
from gevent.threadpool import ThreadPool

THREADS = 2
# More than this at once would wait for seconds: better to say so.
MAX_WAITING = 40
# People behind one address share it, and strangers may try at an account from many: each
# has a good part of the queue, but not all of it.
MAX_OF_ADDRESS = MAX_OF_ACCOUNT = 16
# At one account from one address: a form that was sent twice, and a program beside it.
MAX_OF_BOTH = 3

P = ParamSpec("P")
T = TypeVar("T")


class TooManyHashesError(Exception):
    """So many passwords wait to be hashed that one more would wait too long."""


class TooManyOfOneError(TooManyHashesError):
    """One account or one address has its share of the queue already."""


class Asker(NamedTuple):
    """For whom a password is hashed: the account by its key, and the client's address."""

    account: str
    address: str


class _Waiter:
    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self.may_start = Event()


class HashingQueue:
    """Run functions in threads, in a fair order, for the greenlets of one event loop."""

    def __init__(self) -> None:
        self._pool = ThreadPool(THREADS)
        self._running = 0
        self._busy_accounts: set[str] = set()
        # Whose turn it is: the addresses in the order in which they are served.
        self._waiting: OrderedDict[str, deque[_Waiter]] = OrderedDict()
        # Those that wait and those that are computed.
        self._entered: Counter[tuple[str, ...]] = Counter()
        self._total = 0

    def run(
        self, asker: Asker, function: Callable[P, T], *arguments: P.args, **named: P.kwargs
    ) -> T:
        """Return what *function* returns, once it is the asker's turn.

        Raises TooManyOfOneError, TooManyHashesError.
        """
        self._admit(asker)
        waiter = _Waiter(asker)
        self._waiting.setdefault(asker.address, deque()).append(waiter)
        self._start_next()
        try:
            waiter.may_start.wait()
            result: T = self._pool.apply(function, arguments, named)
            return result
        finally:
            self._leave(waiter)

    def _admit(self, asker: Asker) -> None:
        shares = _shares(asker)
        if any(self._entered[share] >= most for share, most in shares.items()):
            raise TooManyOfOneError
        if self._total >= MAX_WAITING:
            raise TooManyHashesError
        self._total += 1
        self._entered.update(shares.keys())

    def _leave(self, waiter: _Waiter) -> None:
        """Make room; also for one that was killed while it waited."""
        self._total -= 1
        # Counters keep zeros, unless they are added to.
        self._entered.subtract(_shares(waiter.asker).keys())
        self._entered = +self._entered
        if waiter.may_start.is_set():
            self._running -= 1
            self._busy_accounts.discard(waiter.asker.account)
        else:
            self._remove(waiter)
        self._start_next()

    def _remove(self, waiter: _Waiter) -> None:
        waiters = self._waiting[waiter.asker.address]
        waiters.remove(waiter)
        if not waiters:
            del self._waiting[waiter.asker.address]

    def _start_next(self) -> None:
        while self._running < THREADS and (waiter := self._next()):
            self._remove(waiter)
            if waiter.asker.address in self._waiting:
                self._waiting.move_to_end(waiter.asker.address)
            self._running += 1
            self._busy_accounts.add(waiter.asker.account)
            waiter.may_start.set()

    def _next(self) -> _Waiter | None:
        """Return the first, by address, whose account has no hash being computed."""
        for waiters in self._waiting.values():
            for waiter in waiters:
                if waiter.asker.account not in self._busy_accounts:
                    return waiter
        return None


def _shares(asker: Asker) -> dict[tuple[str, ...], int]:
    """Return what an asker counts as, and how many of each there may be."""
    return {
        ("account", asker.account): MAX_OF_ACCOUNT,
        ("address", asker.address): MAX_OF_ADDRESS,
        ("both", *asker): MAX_OF_BOTH,
    }
