"""gunicorn.conf.py with a stopwatch in the worker, for benchmarks/post.py.

SIGUSR2 starts it anew. When the worker ends, it writes the microseconds of each part for one
post to the file BENCHMARK_PARTS.
"""

import json
import os
import runpy
import signal
from pathlib import Path
from typing import Any

globals().update(runpy.run_path("gunicorn.conf.py"))
_start, _end = globals()["post_worker_init"], globals()["worker_exit"]


def post_worker_init(worker: Any) -> None:
    # Not before: the worker has patched the libraries by now, and loaded the application.
    from sqlalchemy import Connection

    from benchmarks.stopwatch import Stopwatch
    from middleware.access_log import LoggedBody
    from middleware.cache import SharedGroupClock
    from ngw2f.actions.messages import Messages
    from ngw2f.actions.sessions import Sessions
    from ngw2f.broker.limits import Limits
    from ngw2f.chat import Chat
    from ngw2f.http import Request
    from ngw2f.jobs.wakeup import WakeUp
    from ngw2f.live.log import EventLog
    from ngw2f.live.reader import StreamReader
    from ngw2f.observe.logs import GatheringHandler
    from ngw2f.server.service import Service
    from ngw2f.store import database
    from ngw2f.web import waiting

    worker.stopwatch = watch = Stopwatch()
    watch.watch(Service, "__call__", "chain")
    watch.watch(Chat, "__call__", "routing and answer")
    watch.watch(Request, "json_body", "parsing", opaque=True)
    watch.watch(Sessions, "find_reader", "token", opaque=True)
    watch.watch(Messages, "post", "action")
    watch.watch(Messages, "_check_room", "room", opaque=True)
    watch.watch(Limits, "take", "limit", opaque=True)
    watch.watch(EventLog, "record", "event")
    watch.watch(Connection, "execute", "statements")
    watch.watch(database, "_begin_immediate", "lock", opaque=True)
    watch.watch(database, "_commit", "commit", opaque=True)
    watch.watch(EventLog, "publish", "Redis: append")
    watch.watch(WakeUp, "wake_again", "Redis: wake-up", opaque=True)
    watch.watch(waiting, "answer", "answer", opaque=True)
    watch.watch(LoggedBody, "line", "log", opaque=True)
    watch.watch(GatheringHandler, "request", "log", opaque=True)
    watch.watch(GatheringHandler, "flush", "log", opaque=True)
    watch.watch(StreamReader, "_hand_on", "live: hand on")
    watch.watch(SharedGroupClock, "drop", "cache: drop groups")
    _start(worker)
    watch.start()
    signal.signal(signal.SIGUSR2, lambda *_: watch.start())


def worker_exit(server: Any, worker: Any) -> None:
    watch = getattr(worker, "stopwatch", None)
    if watch:
        posts = max(1, watch.calls["action"])
        parts = {part: 1e6 * each / posts for part, each in watch.seconds.items()}
        Path(os.environ["BENCHMARK_PARTS"]).write_text(json.dumps(parts))
    _end(server, worker)
