import msgspec
from sqlalchemy import QueuePool

from ngw2f.jobs.context import build_context
from ngw2f.settings import Settings


def test_connections_are_as_many_as_set(settings: Settings) -> None:
    elsewhere = {"database_url": "postgresql+psycopg://nobody@127.0.0.1:1/none"}
    changed = msgspec.structs.replace(settings, database_connections=3, **elsewhere)
    job_context = build_context(changed)
    pool = job_context.core.database.engine.pool
    assert isinstance(pool, QueuePool)
    assert pool.size() == 3
    job_context.close()
