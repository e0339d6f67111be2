import msgspec

from ngw2f.jobs.context import build_context


def test_connections_are_as_many_as_set(settings):
    elsewhere = {"database_url": "postgresql+psycopg://nobody@127.0.0.1:1/none"}
    changed = msgspec.structs.replace(settings, database_connections=3, **elsewhere)
    job_context = build_context(changed)
    assert job_context.core.database.engine.pool.size() == 3
    job_context.close()
