"""What differs between machines, and nothing else."""

import os
from typing import NamedTuple


class Config(NamedTuple):
    database: str = "flack.db"
    stats_seconds: int = 15


CONFIGS = {
    "development": Config(),
    "production": Config(database=os.environ.get("FLACK_DATABASE", "flack.db")),
}
