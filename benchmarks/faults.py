"""Renew, kill and restart every part of a chat under load, and count what fails.

    python -m benchmarks.faults [--requests N]

nginx, two gunicorn instances, RQ workers, PostgreSQL and Redis, all started here. N
requests are sent before, between and after the faults, four times N in each act.
tests/deploy/faults.py has the acts; a lost or missed request ends it with an error.
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

from tests.deploy.faults import CRASHES, RENEWALS, play
from tests.deploy.fleet import running_fleet
from tests.live.server import RedisServer
from tests.postgresql import running_postgresql


def main() -> None:
    parser = argparse.ArgumentParser("benchmarks.faults", description=__doc__)
    parser.add_argument("--requests", type=int, default=5_000)
    requests = parser.parse_args().requests
    with (
        tempfile.TemporaryDirectory(prefix="ngw2f-faults-") as directory,
        running_postgresql() as database,
    ):
        redis = RedisServer(Path(directory))
        redis.start()
        try:
            with running_fleet(Path(directory), database.url, redis.url) as fleet:
                acts = [*RENEWALS, *CRASHES]
                outcomes = play(
                    fleet, database, redis, acts, requests, tell=partial(print, flush=True)
                )
        finally:
            redis.stop()
    print(f"{sum(outcome.requests for outcome in outcomes)} requests; nothing lost, nothing missed")
    for outcome in outcomes:
        for line in [*outcome.failures[:3], *outcome.breaks[:3]]:
            print(f"{outcome.name}: {line}")


if __name__ == "__main__":
    main()
