"""Call something deep in a greenlet of its own, so that its stack is not kept.

CPython keeps the pages of a greenlet's stack of frames that were once used (16 kB at a time since
3.11). A stream needs them for its request, and then hardly any for hours.
"""

from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

import gevent

T = TypeVar("T")


def _leave(_returned: object) -> None:
    """Undo nothing."""


def call_on_own_stack(call: Callable[[], T], undo: Callable[[T], object] = _leave) -> T:
    """Return what *call* returns, or raise what it raises; it runs in a copy of this context.

    If this greenlet is killed meanwhile, the call is, too; *undo* gets what it may have returned.
    """
    returned: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            returned.append(call())
        except BaseException as error:
            raised.append(error)

    greenlet = gevent.spawn(copy_context().run, run)
    try:
        greenlet.join()
    except BaseException:
        greenlet.kill()
        for each in returned:
            undo(each)
        raise
    if raised:
        raise raised.pop()
    return returned[0]
