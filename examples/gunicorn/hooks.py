"""All server hooks, each of which logs its call: gunicorn -c hooks.py hello:application."""

import os
import ssl
from collections.abc import Callable
from typing import Any

worker_class = "sync"
# The hooks report aborted workers.
loglevel = "critical"
# The control socket would only distract.
control_socket_disable = True

# After a hot upgrade the new master knows the old one's id, as long as that runs.
MASTER = "new master" if "GUNICORN_PID" in os.environ else "master"


def tell(who: str, what: str) -> None:
    print(f"{who:<11}{what}", flush=True)


def on_starting(server: Any) -> None:
    tell(MASTER, "on_starting: the settings are read, nothing else is done")


def when_ready(server: Any) -> None:
    tell(MASTER, "when_ready: it listens")


def pre_fork(server: Any, worker: Any) -> None:
    tell(MASTER, f"pre_fork: worker {worker.age} is about to be made")


def post_fork(server: Any, worker: Any) -> None:
    tell(f"worker {worker.age}", "post_fork: a process of its own")


def post_worker_init(worker: Any) -> None:
    tell(f"worker {worker.age}", "post_worker_init: the application is loaded")


def pre_request(worker: Any, request: Any) -> None:
    tell(f"worker {worker.age}", f"pre_request: {request.method} {request.path}")


def post_request(worker: Any, request: Any, environ: Any, response: Any) -> None:
    tell(f"worker {worker.age}", f"post_request: {response.status}")


def worker_int(worker: Any) -> None:
    tell(f"worker {worker.age}", "worker_int: told to stop at once")


def worker_abort(worker: Any) -> None:
    tell(f"worker {worker.age}", "worker_abort: was silent for too long")


def worker_exit(server: Any, worker: Any) -> None:
    tell(f"worker {worker.age}", "worker_exit: ends, in the worker")


def child_exit(server: Any, worker: Any) -> None:
    tell(MASTER, f"child_exit: worker {worker.age} has ended")


def nworkers_changed(server: Any, new_value: int, old_value: int | None) -> None:
    tell(MASTER, f"nworkers_changed: from {old_value} to {new_value}")


def on_reload(server: Any) -> None:
    tell(MASTER, "on_reload: the settings are read again")


def pre_exec(server: Any) -> None:
    tell(MASTER, "pre_exec: another master is about to be started")


def on_exit(server: Any) -> None:
    tell(MASTER, "on_exit: the last thing that it does")


def ssl_context(config: Any, default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    tell(MASTER, "ssl_context: only where there is a certificate")
    return default()
