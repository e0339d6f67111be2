"""What differs between machines, and nothing else."""

import os
import tempfile
from typing import NamedTuple


class Config(NamedTuple):
    database: str = "flack.db"
    stats_seconds: int = 15


CONFIGS = {
    "development": Config(),
    "testing": Config(database=os.path.join(tempfile.gettempdir(), f"flack-{os.getpid()}.db")),
    "production": Config(database=os.environ.get("FLACK_DATABASE", "flack.db")),
}
CONFIG = CONFIGS[os.environ.get("FLACK_CONFIG", "development")]
