"""What ends a worker of xdist in which a test hangs, and says where each thread was.

pytest's own plugin starts a thread for each test, and waits for its end, which takes longer than
most tests. Here one thread watches the tests of a minute.
"""

import faulthandler
import time
from collections.abc import Iterator

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key

TEST_SECONDS = 900.0
RENEWAL_SECONDS = 60.0


class HangWatch:
    """Gives each test TEST_SECONDS, and up to RENEWAL_SECONDS more."""

    def __init__(self) -> None:
        self._renew_at = 0.0

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Iterator[None]:
        now = time.monotonic()
        if now >= self._renew_at:
            stderr = item.config.stash[fault_handler_stderr_fd_key]
            faulthandler.dump_traceback_later(
                TEST_SECONDS + RENEWAL_SECONDS, file=stderr, exit=True
            )
            self._renew_at = now + RENEWAL_SECONDS
        try:
            return (yield)
        finally:
            if nextitem is None:
                self.stop()

    @pytest.hookimpl(trylast=True)
    def pytest_exception_interact(self) -> None:
        """Begin anew: pytest's plugin has ended it, as people may look at what failed."""
        self.stop()

    def stop(self) -> None:
        faulthandler.cancel_dump_traceback_later()
        self._renew_at = 0.0
