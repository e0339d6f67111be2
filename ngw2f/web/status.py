"""Whether the server is ready, and how busy it is; the chain says whether it is alive (app.py)."""

from collections.abc import Callable

import msgspec
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from ngw2f.actions.statistics import RoomShare
from ngw2f.broker.connection import Broker
from ngw2f.errors import Unauthenticated
from ngw2f.http import Request, Response, json_response
from ngw2f.jobs.heartbeat import Heartbeats
from ngw2f.jobs.wakeup import QUEUES
from ngw2f.observe.history import SECONDS_A_MINUTE, Minute
from ngw2f.web import auth
from ngw2f.web.caching import personal
from ngw2f.web.charts import HEIGHT, WIDTH, Chart, plain, seconds
from ngw2f.web.operators import is_operator
from ngw2f.web.services import Services
from ngw2f.web.sign_in import sign_in_form


class Stats(msgspec.Struct):
    requests_per_second: float


class AllStats(msgspec.Struct):
    requests_per_second: float
    # The last hour, oldest first.
    minutes: list[Minute]
    # Of the newest messages, in the rooms that the reader may see.
    rooms: list[RoomShare]


class Readiness(msgspec.Struct):
    """Each part is "ok", or what is wrong with it; strangers see only "unavailable"."""

    status: str
    database: str
    broker: str
    workers: str


def stats(services: Services, request: Request) -> Response:
    if request.preferred("json", ("html", "json")) == "html":
        return _stats_page(services, request)
    response = json_response(Stats(services.meter.requests_per_second()))
    response.headers["Cache-Control"] = "no-store"
    return response


def all_stats(services: Services, request: Request) -> Response:
    """Answer with all that the page shows."""
    reader = auth.find_reader(services, request)
    found = AllStats(
        services.meter.requests_per_second(),
        services.history.read(),
        services.actions.statistics.shares(reader),
    )
    response = json_response(found)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _stats_page(services: Services, request: Request) -> Response:
    try:
        reader = auth.find_reader(services, request)
    except Unauthenticated as error:
        return sign_in_form(services, request, error.sentence, 401)
    minutes = services.history.read()
    values = {
        "reader": reader,
        "now": services.meter.requests_per_second(),
        "charts": _charts(minutes),
        "box": (WIDTH, HEIGHT),
        "shares": services.actions.statistics.shares(reader),
    }
    return personal(services.templates.page(request, "stats.html", values))


def _charts(minutes: list[Minute]) -> list[Chart]:
    def a_second(counts: list[int]) -> list[float]:
        return [count / SECONDS_A_MINUTE for count in counts]

    return [
        Chart("Requests a second", a_second([each.requests for each in minutes]), plain),
        Chart("Streams open", [each.streams for each in minutes], plain),
        Chart("Deliveries a second", a_second([each.deliveries for each in minutes]), plain),
        Chart("From a post to its HTML", [each.render_seconds for each in minutes], seconds),
        Chart("Messages that wait to be rendered", [each.queue for each in minutes], plain),
    ]


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
        raise NoWorkerError(f"there is no worker for {' and '.join(lacking)}")


def _check(ask: Callable[[], object]) -> str:
    try:
        ask()
    except (RedisError, SQLAlchemyError, NoWorkerError) as error:
        return str(error).splitlines()[0]
    return "ok"
