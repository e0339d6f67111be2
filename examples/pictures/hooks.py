"""gunicorn's settings for a recorded run: the master's actions, and the calls."""

import json
import os
from typing import Any

from examples.pictures.applications import NAMES, watch
from examples.pictures.calls import watch_calls
from examples.pictures.events import log_of_run

CALLS = "PICTURE_CALLS"
control_socket_disable = True


def pre_fork(server: Any, worker: Any) -> None:
    log_of_run().tell("master", "worker", "fork()")


def post_worker_init(worker: Any) -> None:
    names = json.loads(os.environ[NAMES])
    worker.wsgi = watch(worker.wsgi, names)
    if calls := json.loads(os.environ[CALLS]):
        watch_calls(calls, names[-1])
