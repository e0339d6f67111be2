"""What gunicorn's reload changes in the master's process, and how it was before.

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
    """A master's state before a reload. Its listeners are kept apart: they are descriptors."""

    configuration: Any
    workers: int
    pid_file: Any
    environ: dict[str, str]
    directory: str
    path: list[str]

    def restore(self, server: Any) -> None:
        """Give it back to *server*. Raises nothing: what cannot be had is logged."""
        os.environ.update(self.environ)
        for name in set(os.environ) - set(self.environ):
            del os.environ[name]
        sys.path[:] = self.path
        # gunicorn's own, by `chdir`; it may have been removed since.
        with suppress(OSError):
            os.chdir(self.directory)
        server.app.cfg = self.configuration
        server.setup(server.app)
        # By SIGTTIN and SIGTTOU they may be others than the configuration's.
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
    """Return its name, "" where somebody has put another one in its place."""
    try:
        return os.getcwd()
    except OSError:
        return ""


def state_of(server: Any) -> Before:
    """Return what there is now in a master, which is about to reload."""
    return Before(
        configuration=server.app.cfg,
        workers=server.num_workers,
        pid_file=server.pidfile,
        environ=dict(os.environ),
        directory=_current_folder(),
        path=list(sys.path),
    )
