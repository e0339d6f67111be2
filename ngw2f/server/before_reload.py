"""The state of the master that gunicorn's reload changes, as it was before the reload.

The master imports this before it forks: nothing here may import what gevent has to patch.
"""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gunicorn import util


@dataclass(frozen=True, slots=True)
class Before:
    """A master's state before a reload, without its listeners, which are descriptors."""

    configuration: Any
    workers: int
    pid_file: Any
    environ: dict[str, str]
    directory: str
    path: list[str]

    def restore(self, server: Any) -> None:
        """Restore this state in *server*. Never raises; failures are logged."""
        os.environ.update(self.environ)
        for name in set(os.environ) - set(self.environ):
            del os.environ[name]
        sys.path[:] = self.path
        # gunicorn's `chdir` may have changed it; the old one may have been removed since.
        with suppress(OSError):
            os.chdir(self.directory)
        server.app.cfg = self.configuration
        server.setup(server.app)
        # SIGTTIN and SIGTTOU may have changed the configured number.
        server.num_workers = self.workers
        self._restore_pid_file(server)
        util._setproctitle(f"master [{server.proc_name}]")

    def _restore_pid_file(self, server: Any) -> None:
        old, new = self.pid_file, server.pidfile
        if new and new is not old and (old is None or new.fname != old.fname):
            new.unlink()
        server.pidfile = old
        try:
            if old and not Path(old.fname).exists():
                old.create(server.pid)
        except (OSError, RuntimeError) as error:
            server.log.error("the pid file cannot be written again: %s", error)


def _current_folder() -> str:
    """Return the path of the current folder, "" if the folder was removed or replaced."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def state_of(server: Any) -> Before:
    """Return the state of a master that is about to reload."""
    return Before(
        configuration=server.app.cfg,
        workers=server.num_workers,
        pid_file=server.pidfile,
        environ=dict(os.environ),
        directory=_current_folder(),
        path=list(sys.path),
    )
