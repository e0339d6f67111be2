"""Whether the server is ready, and how busy it is; the chain says whether it is alive (app.py)."""

from collections.abc import Callable

import msgspec
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from ngw2f.broker.connection import Broker
from ngw2f.http import Request, Response, json_response
from ngw2f.jobs.heartbeat import Heartbeats
from ngw2f.jobs.wakeup import QUEUES
from ngw2f.web.operators import is_operator
from ngw2f.web.services import Services


class Stats(msgspec.Struct):
    requests_per_second: float


class Readiness(msgspec.Struct):
    """Each part is "ok", or what is wrong with it; strangers see only "unavailable"."""

    status: str
    database: str
    broker: str
    workers: str


def stats(services: Services, _request: Request) -> Response:
    response = json_response(Stats(services.meter.requests_per_second()))
    response.headers["Cache-Control"] = "no-store"
    return response


def ready(services: Services, request: Request) -> Response:
    """Answer 200 if database and broker are reachable and each queue has a worker, else 503.

    Only operators see how a part fails: it may have addresses, paths and versions.
    """
    redis = services.core.broker.redis
    parts = {
        "database": _check(services.core.database.ping),
        "broker": _check(redis.ping),
        "workers": _check(lambda: _need_workers(services.core.broker)),
    }
    is_ready = set(parts.values()) == {"ok"}
    if not is_ready and not is_operator(services, request):
        parts = {name: part if part == "ok" else "unavailable" for name, part in parts.items()}
    readiness = Readiness(status="ok" if is_ready else "unavailable", **parts)
    response = json_response(readiness, 200 if is_ready else 503)
    response.headers["Cache-Control"] = "no-store"
    return response


class NoWorkerError(Exception):
    """A queue has no worker; the message says which."""


def _need_workers(broker: Broker) -> None:
    heartbeats = Heartbeats(broker)
    lacking = [queue for queue in QUEUES if not heartbeats.count(queue)]
    if lacking:
        raise NoWorkerError(f"no worker is there for {' and '.join(lacking)}")


def _check(ask: Callable[[], object]) -> str:
    try:
        ask()
    except (RedisError, SQLAlchemyError, NoWorkerError) as error:
        return str(error).splitlines()[0]
    return "ok"
