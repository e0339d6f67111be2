import os

import msgspec
from sqlalchemy import QueuePool

from ngw2f.jobs.context import build_context, current_context, inherit_context
from ngw2f.settings import Settings


def test_connections_are_as_many_as_set(settings: Settings) -> None:
    elsewhere = {"database_url": "postgresql+psycopg://nobody@127.0.0.1:1/none"}
    changed = msgspec.structs.replace(settings, database_connections=3, **elsewhere)
    job_context = build_context(changed)
    pool = job_context.core.database.engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.size() == 3
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
