"""Run honcho with enough time to stop: by default it kills everything after 5 s."""

import os
import signal

from honcho import command, manager

# Instances finish requests for up to 10 s, workers their jobs; then database and broker stop.
STOP_SECONDS = 60


def main() -> None:
    """Run honcho's own command line."""
    manager.KILL_WAIT = STOP_SECONDS
    # Closing the terminal stops everything too; honcho itself only handles SIGINT and SIGTERM.
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    command.main()


if __name__ == "__main__":
    main()
