"""What an application owns and passes to its views; no module holds any of it."""

from typing import NamedTuple

from .models import Models
from .stats import Stats


class Services(NamedTuple):
    models: Models
    stats: Stats
