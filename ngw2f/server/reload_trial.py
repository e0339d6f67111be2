"""Try the current code and settings in other processes; `reload_guard` acts on the verdict.

Meanwhile the master goes on, and asks for the verdict in each turn of its loop. The verdict is
a word on a pipe and not an exit status, because gunicorn's master reaps all children itself. The
master imports this before it forks: nothing here may import what gevent has to patch.
"""

import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

# Loading takes a second or two, a migration may take long; a trial that hangs ends here.
TRIAL_SECONDS = 300.0
PASSED = b"passed"
# What a process is told, instead of the pipe's number, that only loads.
LOAD = "load"
# The variable that holds gunicorn's arguments.
ARGUMENTS = "TRIAL_ARGUMENTS"


class Trial:
    """A running trial. Raises OSError if it cannot be started."""

    def __init__(self, arguments: Sequence[str], directory: str) -> None:
        """Start it with gunicorn's *arguments* in the *directory* in which gunicorn was started."""
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        # Not on the command line, which names gunicorn: that is how workers are found.
        environ = {**os.environ, ARGUMENTS: json.dumps(arguments)}
        try:
            # In its own group, so that it can be killed whole and Ctrl-C does not reach it.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ngw2f.server.reload_trial", str(writer)],
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
        """Return whether the trial passed; None while it is running."""
        try:
            told = os.read(self._reader, len(PASSED))
        except BlockingIOError:
            return None
        self._close()
        return told == PASSED

    def abandon(self) -> None:
        """Kill it; its verdict is no longer needed."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._close()

    def _close(self) -> None:
        os.close(self._reader)
        # It is ending, unless gunicorn has reaped it already.
        self._process.wait()


def load(arguments: Sequence[str]) -> None:
    """Load configuration and application as gunicorn would, and what is loaded at its first use.

    Exits with gunicorn's status if that fails.
    """
    from gunicorn.app.wsgiapp import run

    # Loading makes no garbage to speak of.
    gc.disable()
    sys.argv = ["gunicorn", *arguments, "--check-config"]
    try:
        run(prog="gunicorn")
    except SystemExit as end:
        if end.code:
            raise
    from ngw2f.web.late import load_all

    load_all()


def main() -> None:
    """Check, load in a process of its own, and migrate; report if all of it worked.

    A master of another release calls it, too: its arguments stay as they are.
    """
    verdict, arguments = int(sys.argv[1]), json.loads(os.environ.pop(ARGUMENTS))
    # Prints one line where the application would print a traceback.
    _run("check")
    loading = [sys.executable, "-m", "ngw2f.server.reload_trial", LOAD, *arguments]
    if subprocess.call(loading):
        sys.exit(1)
    _run("migrate")
    os.write(verdict, PASSED)


def _run(command: str) -> None:
    """Run a command as `python -m ngw2f` does, but in this process. Exits if it fails."""
    sys.argv = ["ngw2f", command]
    runpy.run_module("ngw2f", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    if sys.argv[1] == LOAD:
        load(sys.argv[2:])
    else:
        main()
