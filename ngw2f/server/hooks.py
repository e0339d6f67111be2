"""What gunicorn's hooks do; `gunicorn.conf.py` says when.

The master imports this before it forks, so nothing here may import what gevent has
to patch in the workers first.
"""

import faulthandler
import gc
import os
import signal
import sys
import traceback
from typing import Any

from ngw2f.server.descriptors import raise_limit
from ngw2f.server.embedded import Embedded, EmbeddedError
from ngw2f.server.supervisor import default_pools
from ngw2f.settings import Settings

# Python's are (700, 10, 10): in the middle of every round of writes to a thousand streams.
# A client leaves about 30 objects and 20 KB that only a full collection frees, and a client
# makes about 90 new ones: so what is to be freed stays below 50 MB.
GC_THRESHOLDS = (10_000, 5, 4)

# What tells a worker to stop.
STOP_SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGQUIT})


def hold_signals() -> None:
    """Have a signal that stops the worker about to be forked wait until it can be heard.

    Between the fork and its own handlers a worker has the master's, which put the signal
    on a list that nobody reads there: the worker would go on, until it is killed.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


def hear_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


def hear_signals_after_forks() -> None:
    """Have this process, the master, hear them again when it has forked a worker."""
    os.register_at_fork(after_in_parent=hear_signals)


def start_embedded(settings: Settings) -> Embedded | None:
    """Start what is embedded; with a Redis of the operator's, nothing. Exits with a line."""
    if not settings.is_embedded:
        return None
    embedded = Embedded(settings)
    try:
        embedded.start()
    except EmbeddedError as error:
        sys.exit(f"ngw2f: {error}")
    return embedded


def fit_connections(server: Any) -> None:
    """Raise the limit of descriptors to what workers need; where it is too low, say so and fit."""
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
    """Return one line: the address, where the data is, what is embedded."""
    addresses = " ".join(str(listener) for listener in server.LISTENERS)
    database = "SQLite" if settings.sqlalchemy_url.startswith("sqlite") else "PostgreSQL"
    broker = "Redis of your own"
    if settings.is_embedded:
        workers = sum(default_pools(settings.embedded_workers).values())
        broker = f"Valkey and {workers} RQ workers embedded"
    return f"The chat is at {addresses} ; data in {settings.data_path} ({database}); {broker}."


def dump_stacks_on(worker: Any) -> None:
    """Have a crash in C print where it was."""
    if not faulthandler.is_enabled():
        faulthandler.enable()


def shorten_pauses() -> None:
    """Have the garbage collector stop a worker for less, and less often.

    What a worker begins with it keeps: no collection looks through that again, only
    through what belongs to clients.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def log_stacks(worker: Any) -> None:
    """Log the stacks of all threads and greenlets."""
    from gevent.util import format_run_info

    worker.log.error("worker %d did not answer\n%s", worker.pid, "\n".join(format_run_info()))


def close(worker: Any) -> None:
    """Close a worker's service. In the master, for a worker that was killed, there is none."""
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
    """End the requests of a worker that was told to stop at once; they would all fail now."""
    cut_off = getattr(worker, "cut_off", None)
    # Other classes of workers than ours have no such thing.
    if cut_off:
        cut_off()
