"""What differs between machines, and nothing else."""

import os
from typing import NamedTuple


class Config(NamedTuple):
    database: str = "flack.db"
    stats_seconds: int = 15
    redis_url: str = "redis://127.0.0.1:6379"


CONFIGS = {
    "development": Config(),
    "production": Config(
        database=os.environ.get("FLACK_DATABASE", "flack.db"),
        redis_url=os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"),
    ),
}
