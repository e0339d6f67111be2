"""Two kinds of slow work: waiting, and keeping the processor busy."""

import time

SECONDS = 0.1


def wait() -> str:
    """Wait as if for a database or another server."""
    time.sleep(SECONDS)
    return "waited\n"


def compute() -> str:
    """Compute for some processor time, whatever else runs."""
    begun = time.thread_time()
    while time.thread_time() - begun < SECONDS:
        pass
    return "computed\n"
