"""Two kinds of slow: one waits for something else, the other keeps the processor."""

import time

SECONDS = 0.1


def wait() -> str:
    """Do as if a database or another server took its time."""
    time.sleep(SECONDS)
    return "waited\n"


def compute() -> str:
    """Compute for as long, in processor time, whoever else computes."""
    begun = time.thread_time()
    while time.thread_time() - begun < SECONDS:
        pass
    return "computed\n"
