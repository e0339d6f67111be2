import os
import subprocess
import sys

import msgspec
import pytest
from sqlalchemy import QueuePool, text

from ngw2f.jobs.context import build_context, current_context, inherit_context
from ngw2f.settings import Settings
from ngw2f.web.services import build_services


def test_connections_are_as_many_as_set(settings: Settings) -> None:
    elsewhere = {"database_url": "postgresql+psycopg://nobody@127.0.0.1:1/none"}
    changed = msgspec.structs.replace(settings, database_connections=3, **elsewhere)
    job_context = build_context(changed)
    pool = job_context.core.database.engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.size() == 3
    job_context.close()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_only_the_web_waits_for_the_disk(settings: Settings) -> None:
    """What a job stores is made again if a power cut takes it back; what somebody posts is not."""
    synchronous = []
    services, job_context = build_services(settings), build_context(settings)
    for core in (services.core, job_context.core):
        with core.database.writing() as connection:
            synchronous.append(connection.scalar(text("PRAGMA synchronous")))
    services.close()
    job_context.close()
    assert synchronous == [2, 1]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("way", ["writing", "asking"])
def test_jobs_map_no_database(settings: Settings, way: str) -> None:
    """Each page of it that they touch would count as their memory."""
    job_context = build_context(settings)
    with getattr(job_context.core.database, way)() as connection:
        assert connection.scalar(text("PRAGMA mmap_size")) == 0
    job_context.close()


def test_fork_uses_what_was_built_before_it_until_settings_change(settings: Settings) -> None:
    built = build_context(settings)
    token = current_context.set(built)
    try:
        assert inherit_context(msgspec.structs.replace(settings)) is built
        changed = msgspec.structs.replace(settings, redis_prefix="other:")
        other = inherit_context(changed)
    finally:
        current_context.reset(token)
    assert other.core.settings is changed
    for each in (built, other):
        each.close()


def test_building_it_opens_nothing(settings: Settings) -> None:
    """Forks must not share a connection, nor a mapped file."""
    before = os.listdir("/dev/fd")
    files = set(settings.data_path.rglob("*"))
    job_context = build_context(settings)
    assert os.listdir("/dev/fd") == before
    assert set(settings.data_path.rglob("*")) == files
    job_context.close()


def test_only_fetching_loads_what_fetches(settings: Settings) -> None:
    """Workers are forks of the process that loads this, and most of them never fetch."""
    code = f"""
import sys
from pathlib import Path
from ngw2f.jobs.worker import warm_up
from ngw2f.settings import Settings

warm_up(Settings(data_dir={str(settings.data_path)!r}))
from ngw2f.jobs.context import current_context
libraries = {{"urllib3", "PIL"}}
print((libraries | {{"fontTools"}}) & set(sys.modules))
fetching = current_context.get().fetching
fetching.close()
assert fetching.preview_fetcher is fetching.preview_fetcher
print(libraries - set(sys.modules))
fetching.close()
"""
    told = subprocess.check_output([sys.executable, "-c", code], text=True, timeout=60)
    assert told.split() == ["set()", "set()"]
