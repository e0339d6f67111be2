"""Argon2 as cheap as it gets: the tests register and sign in hundreds of times.

As gunicorn's configuration it is `gunicorn.conf.py` for servers that tests start.
"""

from pathlib import Path
from typing import Any

from argon2 import Parameters, Type, profiles

CHEAP = Parameters(
    type=Type.ID, version=19, salt_len=8, hash_len=16, time_cost=1, memory_cost=8, parallelism=1
)
CONFIGURATION = str(Path(__file__).resolve())


def configure() -> dict[str, Any]:
    """Return what `gunicorn.conf.py` says, and have each worker hash cheaply."""
    names: dict[str, Any] = {}
    exec((Path(__file__).parents[1] / "gunicorn.conf.py").read_text(), names)
    post_fork = names["post_fork"]

    def post_fork_and_hash_cheaply(server: Any, worker: Any) -> None:
        post_fork(server, worker)
        # The application, which takes the parameters by their name, is loaded after this.
        profiles.RFC_9106_LOW_MEMORY = CHEAP

    return {**names, "post_fork": post_fork_and_hash_cheaply}


# gunicorn gives the module that it makes of its configuration this name.
if __name__ == "__config__":
    globals().update(configure())
