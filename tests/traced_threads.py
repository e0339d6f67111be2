"""Threads of tests that a tracer follows, such as coverage's, on CPython 3.11.

coverage refers weakly to the first greenlet of each thread, and such a reference ends with a call
of Python code. When the thread has ended, greenlet lets go of the first greenlet in a pending call.
If another thread ends just then, one more pending call waits; and CPython 3.11 gets no further than
the beginning of a traced function that a pending call runs, as long as another one waits: for ever.
"""

import threading

import pytest
from gevent import getcurrent


def keep_first_greenlets(patch: pytest.MonkeyPatch) -> None:
    """Keep the first greenlet of each thread that is traced from now on."""
    kept = []
    begin = threading.Thread._bootstrap_inner  # type: ignore[attr-defined] # nothing public is first

    def keep_and_begin(thread: threading.Thread) -> None:
        if threading.gettrace() is not None:
            # Twice: for a single reference, greenlet would search all objects that there are.
            kept.append((getcurrent(), getcurrent()))
        begin(thread)

    patch.setattr(threading.Thread, "_bootstrap_inner", keep_and_begin)
