"""The queue for password hashes: fair, and so limited that nobody can fill it alone.

Each hash takes 64 MiB and a core for some tens of milliseconds, so few are computed at a time.
An account has one at a time, and addresses take turns: a client that sends many waits for all
others first.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar

from gevent.event import Event
from gevent.threadpool import ThreadPool

from ngw2f.errors import TooMany, Unavailable

THREADS = 2
# More would wait for seconds; they are refused instead.
MAX_WAITING = 40
# Several people share an address, and strangers may attack an account from many addresses: each
# may have a good part of the queue, but not all of it.
MAX_OF_ADDRESS = MAX_OF_ACCOUNT = 16
# For one account from one address: a form that was sent twice, and a program beside it.
MAX_OF_BOTH = 3
# The queue empties within some seconds.
RETRY_AFTER_SECONDS = 2

P = ParamSpec("P")
T = TypeVar("T")


class Asker(NamedTuple):
    """For whom a password is hashed: the account's key, and the client's address."""

    account: str
    address: str


class _Waiter:
    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self.may_start = Event()


class HashingQueue:
    """Runs functions in threads, in a fair order, for the greenlets of one event loop."""

    def __init__(self) -> None:
        self._pool = ThreadPool(THREADS)
        self._running = 0
        self._busy_accounts: set[str] = set()
        # By address, in the order in which they are served.
        self._waiting: OrderedDict[str, deque[_Waiter]] = OrderedDict()
        # How many wait or are computed, for each share.
        self._entered: Counter[tuple[str, ...]] = Counter()
        self._total = 0

    def run(
        self, asker: Asker, function: Callable[P, T], *arguments: P.args, **named: P.kwargs
    ) -> T:
        """Run *function* when it is the asker's turn, and return its result.

        Raises TooMany if the asker has its share of the queue, Unavailable if the queue is full.
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
            raise TooMany(
                "too many passwords of yours wait to be checked; try again in a moment",
                retry_after=RETRY_AFTER_SECONDS,
            )
        if self._total >= MAX_WAITING:
            raise Unavailable(
                "too many people are signing in; try again in a moment",
                retry_after=RETRY_AFTER_SECONDS,
            )
        self._total += 1
        self._entered.update(shares.keys())

    def _leave(self, waiter: _Waiter) -> None:
        """Free the waiter's place, also if its greenlet was killed while it waited."""
        self._total -= 1
        # A Counter keeps zeros; `+` removes them.
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
        """Return the first waiter whose account has no hash under way, by address."""
        for waiters in self._waiting.values():
            for waiter in waiters:
                if waiter.asker.account not in self._busy_accounts:
                    return waiter
        return None


def _shares(asker: Asker) -> dict[tuple[str, ...], int]:
    """Return the shares that an asker counts for, and the maximum of each."""
    return {
        ("account", asker.account): MAX_OF_ACCOUNT,
        ("address", asker.address): MAX_OF_ADDRESS,
        ("both", *asker): MAX_OF_BOTH,
    }
