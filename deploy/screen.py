"""honcho, with time for all to end: it kills what has not 5 s after it was told to."""

import os
import signal

from honcho import command, manager

# An instance lets its requests finish for 10 s, a worker its job; then database and broker stop.
STOP_SECONDS = 60


def main() -> None:
    """Run honcho as its command line says."""
    manager.KILL_WAIT = STOP_SECONDS
    # A terminal that is closed ends all of it too: honcho knows this signal only.
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    command.main()


if __name__ == "__main__":
    main()
