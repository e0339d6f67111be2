"""What gunicorn's hooks do; `gunicorn.conf.py` says when.

How a worker stops is in `gevent_worker.py`, and what its chat closes then in `service.py`.

The master imports this module before it forks, so it must not import anything that gevent
has to patch in the workers first.
"""

import faulthandler
import gc
import os
import signal
import subprocess
import sys
import traceback
from typing import Any

from gunicorn.errors import AppImportError

from ngw2f.server.descriptors import raise_limit
from ngw2f.server.embedded import Embedded, EmbeddedError, RunHere
from ngw2f.server.precheck import check, needs_client
from ngw2f.server.supervisor import default_pools
from ngw2f.settings import SettingError, Settings
from ngw2f.store.current import is_current

# With Python's (700, 10, 10) a collection would run in every round of writes to a thousand
# streams. A client leaves about 30 objects and 20 KB that only a full collection frees, and
# creates about 90 objects, so garbage stays below 50 MB.
GC_THRESHOLDS = (10_000, 5, 4)

# The signals that stop a worker.
STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})


def block_stop_signals() -> None:
    """Block the signals that stop a worker, until it has handlers of its own.

    Between the fork and its own handlers a worker has the master's, which only append the
    signal to a list. No worker reads that list, so the worker would run on until it is killed.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def unblock_stop_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def unblock_stop_signals_after_forks() -> None:
    """Unblock the stop signals in this process, the master, after each fork."""
    os.register_at_fork(after_in_parent=unblock_stop_signals)


def check_start(settings: Settings) -> None:
    """Check the settings, and migrate unless that is done. Exits with a line on failure."""
    try:
        if not needs_client(settings):
            check(settings)
            if is_current(settings):
                return
    except SettingError as error:
        sys.exit(f"ngw2f: {error}")
    if status := subprocess.call([sys.executable, "-m", "ngw2f", "migrate"]):
        # It has printed the reason, unless it was killed.
        sys.exit(status if status > 0 else "ngw2f: the check of settings and database was killed")


def start_embedded(settings: Settings, run_here: RunHere | None = None) -> Embedded | None:
    """Start the embedded parts, if the settings name no Redis. Exits with a line on failure.

    *run_here* runs a command of ours in a fork of this process, which must have no threads yet.
    """
    if not settings.is_embedded:
        return None
    embedded = Embedded(settings, run_here)
    try:
        embedded.start()
    except EmbeddedError as error:
        sys.exit(f"ngw2f: {error}")
    return embedded


def wait_for_embedded(worker: Any) -> None:
    """Wait until Valkey answers. Raises AppImportError, which ends a server that never served."""

    def look() -> None:
        worker.notify()
        if signal.sigpending() & STOP_SIGNALS:
            sys.exit()

    try:
        if worker.embedded:
            worker.embedded.wait(look)
    except EmbeddedError as error:
        # gunicorn prints this line, and no traceback.
        raise AppImportError(f"ngw2f: {error}") from error


def fit_connections(server: Any) -> None:
    """Raise the limit of descriptors to what workers need, or lower their connections to it."""
    wanted, sockets = server.cfg.worker_connections, len(server.LISTENERS)
    possible = raise_limit(wanted * sockets) // sockets
    if possible < wanted:
        server.log.warning(
            "a worker takes %d connections at once, not %d: the hard limit of descriptors is too "
            "low (ulimit -Hn, systemd's LimitNOFILE)",
            possible,
            wanted,
        )
        server.cfg.set("worker_connections", possible)


def describe(settings: Settings, server: Any) -> str:
    """Return one line: the address, the data folder, the embedded parts."""
    addresses = " ".join(str(listener) for listener in server.LISTENERS)
    database = "SQLite" if settings.sqlalchemy_url.startswith("sqlite") else "PostgreSQL"
    broker = "Redis of your own"
    if settings.is_embedded:
        workers = sum(default_pools(settings.embedded_workers).values())
        broker = f"Valkey and {workers} RQ workers embedded"
    return f"The chat is at {addresses} ; data in {settings.data_path} ({database}); {broker}."


def dump_stacks_on(worker: Any) -> None:
    """Print the Python stacks on a crash in C code."""
    if not faulthandler.is_enabled():
        faulthandler.enable()


def keep_shared() -> None:
    """Keep collections in the workers from writing to, and so copying, the master's objects."""
    gc.freeze()


def collect_nothing() -> None:
    """Load the application without garbage collections; it makes no garbage to speak of."""
    gc.disable()


def shorten_pauses() -> None:
    """Make garbage collections in a worker shorter and rarer, and begin with them.

    Objects made at the start live as long as the worker; they are frozen, so collections
    skip them. A collection before would take a twentieth of the start, and finds next to nothing.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()


def log_stacks(worker: Any) -> None:
    """Log the stacks of all threads and greenlets."""
    from gevent.util import format_run_info

    worker.log.error("worker %d did not answer\n%s", worker.pid, "\n".join(format_run_info()))


def close(worker: Any) -> None:
    """Close a worker's service. For a worker that was killed the master calls this without one."""
    service = getattr(worker, "wsgi", None)
    if service is None:
        return
    try:
        _cut_off(worker)
        service.close()
    except Exception:
        # A hook never raises: the worker ends either way.
        worker.log.warning("worker_exit: %s", traceback.format_exc())


def _cut_off(worker: Any) -> None:
    """End the requests of a worker that must stop at once; all of them would fail now."""
    cut_off = getattr(worker, "cut_off", None)
    # Only our class of workers has this method.
    if cut_off:
        cut_off()
