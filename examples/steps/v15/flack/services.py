"""What an application has, and a view is given: no module has any of it for itself."""

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
