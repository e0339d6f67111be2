"""What an application owns and passes to its views; no module holds any of it."""

from typing import NamedTuple

from redis import Redis

from .models import Models
from .stats import Stats
from .tasks import Tasks


class Services(NamedTuple):
    models: Models
    stats: Stats
    tasks: Tasks
    redis: Redis
