import msgspec

from ngw2f.jobs.context import build_workshop


def test_connections_are_as_many_as_set(settings):
    elsewhere = {"database_url": "postgresql+psycopg://nobody@127.0.0.1:1/none"}
    changed = msgspec.structs.replace(settings, database_connections=3, **elsewhere)
    workshop = build_workshop(changed)
    assert workshop.database.engine.pool.size() == 3
    workshop.close()
