"""Make SIGHUP safe: code that cannot be loaded, or does not serve, is refused.

gunicorn's own master loads the configuration into itself and exits if that fails; it also
exits, with all workers, when one worker fails to boot. It stops the old workers as soon as
the new ones are forked, seconds before those serve.

Here a reload has two steps, during which the master's loop goes on: it answers systemd's
watchdog, reaps workers and handles signals. First the new code is tried in separate processes
(`reload_trial.py`). Then new workers are forked, and the old ones go on until all new ones
serve. If a new one ends before it serves, or hangs, all new ones are stopped, and the master
restores its state (`before_reload.py`).

A worker that fails to boot ends the master only if none has ever served. Later the master
pauses and tries again, because somebody may be mending the code.
"""

import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from gunicorn.errors import HaltServer

from ngw2f.server import renewal
from ngw2f.server.before_reload import Before, state_of
from ngw2f.server.reload_trial import Trial
from ngw2f.server.systemd import Systemd

# A worker boots in a second or two, on the slowest machine in less than this; longer means that
# it hangs.
SERVING_SECONDS = 300.0
# The pause before a worker that failed to boot is started again; it doubles.
FIRST_PAUSE_SECONDS = 1.0
MAX_PAUSE_SECONDS = 10.0
# gunicorn counts its workers from 1.
OLDEST = 0


class _ForkedError(Exception):
    """Leaves gunicorn's reload after the fork of the new workers, before it stops the old ones."""


@dataclass(slots=True)
class Succession:
    """New workers that do not all serve yet, and the master's state before."""

    before: Before
    newest_age: int
    # Copies: with other addresses the reload closes the old sockets.
    listeners: list[Any] = field(default_factory=list)
    started_at: float = field(default_factory=time.monotonic)
    has_failed: bool = False

    def keep(self, listeners: list[Any]) -> None:
        for each in listeners:
            copy = os.dup(each.fileno())
            self.listeners.append(type(each)(each.cfg_addr, each.conf, each.log, fd=copy))

    def close(self) -> None:
        for listener in self.listeners:
            listener.close()
        self.listeners = []


class ReloadGuard:
    """Replaces the methods of gunicorn's master *server* that have the same names."""

    def __init__(self, server: Any, systemd: Systemd) -> None:
        self._server = server
        self._systemd = systemd
        self._reload = server.handle_hup
        self._manage_workers = server.manage_workers
        self._reap_workers = server.reap_workers
        self._trial: Trial | None = None
        self._succession: Succession | None = None
        self._is_forking = False
        self._was_well = False
        # The server ends, because a worker failed to boot.
        self._is_halting = False
        self._had_successor = False
        self._pause = 0.0
        self._next_start = 0.0

    def handle_hup(self) -> None:
        """Begin a reload, and abandon one under way, whose code may be older.

        It continues in `manage_workers`.
        """
        self.abandon()
        if self._server.master_pid:
            self._refuse("the upgrade has not ended")
            return
        self._systemd.tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            self._trial = Trial(sys.argv[1:], self._server.START_CTX["cwd"])
        except OSError as error:
            self._refuse(str(error))

    def end(self) -> None:
        """Kill a running trial, when the master ends."""
        if self._trial:
            self._trial.abandon()
            self._trial = None

    def abandon(self) -> None:
        """Abandon a reload under way, as if it had not begun."""
        self.end()
        if self._succession:
            self._take_back(self._succession)

    def forget(self) -> None:
        """Close the master's descriptors in a worker."""
        if self._succession:
            self._succession.close()

    def manage_workers(self) -> None:
        """Continue a reload, if there is one, and keep up the number of workers."""
        if self._is_forking:
            raise _ForkedError
        if self._trial:
            self._judge(self._trial)
        if self._succession:
            self._look_after(self._succession)
        elif self._may_start():
            self._manage_workers()
        self._note_well()
        self._note_successor()

    def reap_workers(self) -> None:
        """Reap workers, but go on after a failed boot if the server has ever served."""
        before = dict(self._server.WORKERS)
        has_failed = False
        while True:
            try:
                self._reap_workers()
            except HaltServer:
                if not (self._was_well or self._is_halting):
                    # While the server stops, a second error would end it with a traceback.
                    self._is_halting = True
                    raise
                has_failed = True
            else:
                break
        ended = [worker for pid, worker in before.items() if pid not in self._server.WORKERS]
        if has_failed or not all(_serves(worker) for worker in ended):
            self._note_failure(ended)

    def _judge(self, trial: Trial) -> None:
        verdict = trial.verdict()
        if verdict is None and trial.is_late:
            trial.abandon()
            self._server.log.error("reload: the check takes too long")
            verdict = False
        if verdict is None:
            return
        self._trial = None
        if verdict:
            self._fork()
        else:
            self._refuse("see above")

    def _fork(self) -> None:
        """Have the master load the new code and fork new workers, and do nothing else."""
        server = self._server
        succession = self._succession = Succession(state_of(server), server.worker_age)
        self._is_forking = True
        try:
            succession.keep(server.LISTENERS)
            self._reload()
        except _ForkedError:
            pass
        except (Exception, SystemExit) as error:
            # In a forked worker these mean its own end.
            if os.getpid() != server.pid:
                raise
            self._give_up(succession, f"it cannot be loaded: {error}")
        finally:
            self._is_forking = False

    def _look_after(self, succession: Succession) -> None:
        """Stop the old workers once all new ones serve; give up if one fails."""
        new = self._new_workers(succession)
        if succession.has_failed or not new:
            self._give_up(succession, "a new worker ended before it served")
        elif all(_serves(worker) for worker in new.values()):
            self._finish(succession)
        elif time.monotonic() > succession.started_at + SERVING_SECONDS:
            self._give_up(succession, f"a new worker has not served in {SERVING_SECONDS:.0f} s")

    def _finish(self, succession: Succession) -> None:
        succession.close()
        self._succession = None
        # There are too many workers now; gunicorn stops the oldest.
        self._manage_workers()
        # Whoever waits reads the file beside the pid file of when the reload began. It has the word
        # when the log and the manager say so.
        for pid_file in {succession.before.configuration.pidfile, self._server.cfg.pidfile}:
            renewal.tell(pid_file, renewal.READY, os.getpid())
        self._server.log.info("reload: the new workers serve; the old ones stop")
        self._systemd.tell("READY=1\nSTATUS=reloaded")

    def _give_up(self, succession: Succession, reason: str) -> None:
        self._take_back(succession)
        self._refuse(reason)

    def _refuse(self, reason: str) -> None:
        renewal.tell(self._server.cfg.pidfile, renewal.REFUSED, os.getpid())
        self._server.log.error("reload refused (%s): the old workers go on as they are", reason)
        self._systemd.tell("READY=1\nSTATUS=a reload was refused, the log says why")

    def _take_back(self, succession: Succession) -> None:
        """Stop the new workers, and restore the master's state."""
        self._succession = None
        server = self._server
        for pid, worker in self._new_workers(succession).items():
            # A worker that does not serve yet may hang.
            server.kill_worker(pid, signal.SIGTERM if _serves(worker) else signal.SIGKILL)
            # gunicorn stops the oldest of too many: until it has reaped this one, that is not an
            # old one, which goes on.
            worker.age = OLDEST
        has_moved = server.app.cfg.address != succession.before.configuration.address
        succession.before.restore(server)
        if has_moved:
            server.LISTENERS, succession.listeners = succession.listeners, server.LISTENERS
        succession.close()

    def _new_workers(self, succession: Succession) -> dict[int, Any]:
        workers = self._server.WORKERS.items()
        return {pid: worker for pid, worker in workers if worker.age > succession.newest_age}

    def _may_start(self) -> bool:
        is_short = len(self._server.WORKERS) < self._server.num_workers
        return not is_short or time.monotonic() >= self._next_start

    def _note_failure(self, ended: list[Any]) -> None:
        """Delay the next start, and finish what gunicorn left half done."""
        succession = self._succession
        for worker in ended:
            if succession and worker.age > succession.newest_age and not _serves(worker):
                succession.has_failed = True
            with suppress(ValueError):
                # If it is closed, child_exit was called.
                worker.tmp.fileno()
                worker.tmp.close()
                self._server.cfg.child_exit(self._server, worker)
        self._pause = min(max(FIRST_PAUSE_SECONDS, 2 * self._pause), MAX_PAUSE_SECONDS)
        self._next_start = time.monotonic() + self._pause

    def _note_well(self) -> None:
        """Report once that this server works, and forget failures when all workers serve again."""
        workers = list(self._server.WORKERS.values())
        if workers and all(_serves(worker) for worker in workers):
            self._pause = 0.0
        if not self._was_well and any(_serves(worker) for worker in workers):
            self._was_well = True
            renewal.tell(self._server.cfg.pidfile, renewal.READY, os.getpid())

    def _note_successor(self) -> None:
        """Report that the new master of a hot upgrade (SIGUSR2) has ended."""
        if self._had_successor and not self._server.reexec_pid:
            self._server.log.error("the new master has ended; this one goes on")
            renewal.tell(self._server.cfg.pidfile, renewal.REFUSED, os.getpid())
        self._had_successor = bool(self._server.reexec_pid)


def guard_reload(server: Any, systemd: Systemd) -> ReloadGuard:
    """Make gunicorn's master *server* refuse code that cannot be loaded."""
    guard = ReloadGuard(server, systemd)
    # The master looks these methods up by name; no setting replaces its class.
    server.handle_hup = guard.handle_hup
    server.manage_workers = guard.manage_workers
    server.reap_workers = guard.reap_workers
    return guard


def _serves(worker: Any) -> bool:
    # Other worker classes do not report it.
    return bool(getattr(worker, "is_serving", True))
