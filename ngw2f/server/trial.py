"""Try the code and the settings that are there now, in processes of their own.

The master goes on meanwhile: it asks for the verdict whenever its loop comes by. The verdict is
a word on a pipe and no exit status, because gunicorn's master reaps all children itself. The
master imports this before it forks: nothing here may import what gevent has to patch.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

# Loading takes a second or two, a migration what it takes; one that hangs ends here.
TRIAL_SECONDS = 300.0
PASSED = b"passed"
# The variable by which gunicorn's arguments come.
ARGUMENTS = "TRIAL_ARGUMENTS"


class Trial:
    """A trial under way. Raises OSError where it cannot be started."""

    def __init__(self, arguments: Sequence[str], directory: str) -> None:
        """*arguments* are gunicorn's, *directory* is where it was started."""
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        # Not on the command line, which names gunicorn: that is how workers are found.
        environ = {**os.environ, ARGUMENTS: json.dumps(arguments)}
        try:
            # A group of its own: all of it can be ended, and Ctrl-C does not reach it.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ngw2f.server.trial", str(writer)],
                cwd=directory,
                env=environ,
                pass_fds=[writer],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            os.close(self._reader)
            raise
        finally:
            os.close(writer)
        self._deadline = time.monotonic() + TRIAL_SECONDS

    @property
    def is_late(self) -> bool:
        return time.monotonic() > self._deadline

    def verdict(self) -> bool | None:
        """Say whether all of it passed; None while it is under way."""
        try:
            told = os.read(self._reader, len(PASSED))
        except BlockingIOError:
            return None
        self._close()
        return told == PASSED

    def abandon(self) -> None:
        """End it; its verdict is not wanted any more."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._close()

    def _close(self) -> None:
        os.close(self._reader)
        # It ends just now, unless gunicorn has reaped it already.
        self._process.wait()


def main() -> None:
    """Load configuration and application as gunicorn would, then migrate; say if both went well."""
    verdict, arguments = int(sys.argv[1]), json.loads(os.environ.pop(ARGUMENTS))
    commands = (
        # Says in a line what the application would say in a traceback.
        ["ngw2f", "check"],
        # By its name, also where it was started by its script: nothing hides it here.
        ["gunicorn", *arguments, "--check-config"],
        ["ngw2f", "migrate"],
    )
    for command in commands:
        if subprocess.call([sys.executable, "-m", *command]):
            sys.exit(1)
    os.write(verdict, PASSED)


if __name__ == "__main__":
    main()
