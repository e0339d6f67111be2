"""Lower the priority of a process, so that those that somebody waits for run first."""

import os
import time
from pathlib import Path

# The kernel takes a user's word for one session in a tenth of a second.
TRIES = 4
PAUSE_SECONDS = 0.11


def be_nice(nice: int) -> None:
    """Make this process nice, and its session too, where the kernel shares processors by session.

    Neither can be taken back.
    """
    os.nice(nice)
    # See sched(7), "The autogroup feature"; not if the session is that of other processes.
    if os.getsid(0) != os.getpid():
        return
    for _ in range(TRIES):
        try:
            Path("/proc/self/autogroup").write_text(str(nice))
        except BlockingIOError:
            time.sleep(PAUSE_SECONDS)
        except OSError:
            return
        else:
            return
