"""What an idempotency key was used for."""

import pytest

from ngw2f.actions.idempotency import digest_of, find_made
from ngw2f.core import Core
from ngw2f.errors import KeyReused
from ngw2f.store.keys import Use, keep_key
from ngw2f.store.users import UserRow

ASKED = digest_of("message", 1, "hello")


@pytest.fixture
def used(core: Core, ann: UserRow) -> None:
    with core.database.writing() as connection:
        keep_key(connection, ann.id, "k1", Use(ASKED, 7))


@pytest.mark.usefixtures("used")
def test_key_leads_to_what_it_made(core: Core, ann: UserRow, bob: UserRow) -> None:
    with core.database.reading() as connection:
        assert find_made(connection, ann, "k1", ASKED) == 7
        assert find_made(connection, ann, "k2", ASKED) is None
        assert find_made(connection, bob, "k1", ASKED) is None


@pytest.mark.usefixtures("used")
def test_key_of_something_else_is_refused(core: Core, ann: UserRow) -> None:
    other = digest_of("message", 2, "hello")
    with core.database.reading() as connection, pytest.raises(KeyReused, match="take a new one"):
        find_made(connection, ann, "k1", other)


def test_digest_keeps_parts_apart() -> None:
    assert digest_of("a", "bc") != digest_of("ab", "c")
    assert digest_of("1") != digest_of(1)
    assert digest_of("room", "x", True) == digest_of("room", "x", True)
