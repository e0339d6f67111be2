import msgspec
import pytest

from ngw2f import doctor
from ngw2f.doctor import examine
from ngw2f.settings import Settings
from ngw2f.store import messages, rooms, users


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request):
    return request.param


def wrong(settings):
    return [(found.part, found.sentence) for found in examine(settings) if found.level == "error"]


def said(settings, part):
    return " ".join(found.sentence for found in examine(settings) if found.part == part)


def test_only_the_worker_is_missing(settings):
    assert wrong(settings) == [("workers", "no RQ worker is there; run `ngw2f worker`")]


def test_parts_that_are_well_are_named(settings, backend):
    assert backend in said(settings, "database")
    assert "GiB are free" in said(settings, "disk")
    assert "answers" in said(settings, "broker")


def test_nothing_is_there_yet(tmp_path):
    settings = Settings(data_dir=str(tmp_path / "none"), redis_url=f"unix://{tmp_path}/none")
    assert [part for part, _ in wrong(settings)] == ["disk", "database", "broker", "workers"]


def test_old_schema(settings, database):
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    assert ("database", "its schema is 0001") in [
        (p, s.partition(",")[0]) for p, s in wrong(settings)
    ]


def test_eviction_is_an_error(settings, redis):
    redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert "set noeviction" in said(settings, "broker")
    finally:
        redis.config_set("maxmemory-policy", "noeviction")


def test_stuck_messages(settings, database, monkeypatch):
    with database.writing() as connection:
        user = users.create_user(connection, "Ann", "ann", "hash")
        lobby = rooms.find_room_named(connection, rooms.LOBBY, None)
        messages.create_message(connection, lobby.id, user.id, "hello", "hello")
    assert "wait to be rendered" not in said(settings, "workers")
    monkeypatch.setattr(doctor, "WAITING_SECONDS", -1)
    assert "wait to be rendered" in said(settings, "workers")


def test_clock_that_is_wrong(settings, monkeypatch):
    monkeypatch.setattr(doctor, "SKEW_SECONDS", -1)
    assert "the broker is 0.0 s" in said(settings, "clock")


def test_full_disk(settings, monkeypatch):
    monkeypatch.setattr(doctor, "FREE_BYTES", 1 << 60)
    assert "disk" in [part for part, _ in wrong(settings)]


def test_misspelt_setting(settings, monkeypatch):
    monkeypatch.setenv("NGW2F_RATE_LIMITS", "true")
    assert "NGW2F_RATE_LIMITS is no setting" in said(settings, "settings")


def test_limits_that_are_off(settings):
    open_to_all = msgspec.structs.replace(settings, rate_limit=False)
    assert "the limits are off" in said(open_to_all, "settings")
