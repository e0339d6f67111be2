"""Crashes and renewals under load: nothing is lost, nobody misses anything.

`python -m benchmarks.faults` is the same with many more requests.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.faults import CRASHES, RENEWALS, play
from tests.deploy.fleet import running_fleet
from tests.live.server import RedisServer
from tests.postgresql import PostgreSQLServer, running_postgresql

REQUESTS = 20


@pytest.fixture(scope="module")
def ground() -> Iterator[tuple[Path, PostgreSQLServer, RedisServer]]:
    """Give a folder, a PostgreSQL and a Redis which can be stopped and started."""
    with (
        tempfile.TemporaryDirectory(
            prefix="ngw2f-faults-", ignore_cleanup_errors=True
        ) as directory,
        running_postgresql() as database,
    ):
        redis = RedisServer(Path(directory))
        redis.start()
        yield Path(directory), database, redis
        redis.stop()


@pytest.mark.slow
def test_nothing_is_lost(ground: tuple[Path, PostgreSQLServer, RedisServer]) -> None:
    directory, database, redis = ground
    with running_fleet(directory, database.url, redis.url) as fleet:
        acts = [*RENEWALS, *CRASHES]
        outcomes = play(
            fleet, database, redis, acts, REQUESTS, renewed=1, threads=4, pause_seconds=0.2
        )
    for outcome in outcomes[: len(RENEWALS)]:
        assert outcome.failures == outcome.breaks == [], outcome
    # So the streams were let go of, and are back.
    assert sum(outcome.reconnects for outcome in outcomes) >= 3
