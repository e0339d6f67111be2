import pytest
from sqlalchemy import func, select, update

from ngw2f.store import devices
from ngw2f.store.database import Database
from ngw2f.store.schema import devices as table
from ngw2f.store.users import UserRow


def create(database: Database, user: UserRow) -> str:
    with database.writing() as connection:
        return devices.create_device(connection, user.id)


def is_known(database: Database, token: str, user: UserRow) -> bool:
    with database.reading() as connection:
        return devices.is_device_of(connection, token, user.id)


def test_device_is_its_users_alone(database: Database, ann: UserRow, bob: UserRow) -> None:
    token = create(database, ann)
    assert is_known(database, token, ann)
    assert not is_known(database, token, bob)
    assert not is_known(database, "", ann)
    assert not is_known(database, "é\N{SNOWMAN}", ann)


def test_device_is_stored_hashed(database: Database, ann: UserRow) -> None:
    token = create(database, ann)
    with database.reading() as connection:
        (digest,) = connection.execute(select(table.c.digest)).scalars()
    assert len(digest) == 32
    assert token.encode() not in digest


def test_any_of_several_is_somebodys(database: Database, ann: UserRow) -> None:
    token = create(database, ann)
    with database.reading() as connection:
        assert devices.is_any_device(connection, ["x", token])
        assert not devices.is_any_device(connection, ["x", ""])
    with database.writing() as connection:
        connection.execute(update(table).values(expires_at=0))
        assert not devices.is_any_device(connection, [token])


def test_devices_are_forgotten(database: Database, ann: UserRow, bob: UserRow) -> None:
    anns, bobs = create(database, ann), create(database, bob)
    with database.writing() as connection:
        devices.forget_devices_of(connection, ann.id)
    assert (is_known(database, anns, ann), is_known(database, bobs, bob)) == (False, True)


def test_newest_devices_are_kept(
    database: Database, ann: UserRow, bob: UserRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "MAX_DEVICES", 2)
    bobs = create(database, bob)
    tokens = [create(database, ann) for _ in range(4)]
    assert [is_known(database, token, ann) for token in tokens] == [False, False, True, True]
    assert is_known(database, bobs, bob)


def test_expired_device_is_unknown_and_deleted(database: Database, ann: UserRow) -> None:
    old, new = create(database, ann), create(database, ann)
    with database.writing() as connection:
        is_old = table.c.digest == devices.digest_of(old)
        connection.execute(update(table).where(is_old).values(expires_at=5.0))
    assert not is_known(database, old, ann)
    with database.writing() as connection:
        devices.delete_expired_devices(connection)
        assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 1
    assert is_known(database, new, ann)
