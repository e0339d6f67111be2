import pytest

from ngw2f.live.entry import RESYNC, Entry, EntryId
from ngw2f.live.nicknames import Nicknames
from ngw2f.store import users
from tests.ngw2f.live.conftest import Stage


@pytest.fixture
def nicknames(stage: Stage) -> Nicknames:
    return Nicknames(stage.services.core.database)


def rename(stage: Stage, user_id: int, nickname: str) -> None:
    with stage.services.core.database.writing() as connection:
        users.change_user(connection, user_id, nickname=nickname)


def changed(user_id: int) -> Entry:
    return Entry(EntryId(1), "user.updated", b'{"id":%d}' % user_id, None)


def test_unknown_user_has_a_mark(nicknames: Nicknames) -> None:
    assert nicknames.of(99) == "?"


def test_nickname_is_kept_until_its_user_changes(stage: Stage, nicknames: Nicknames) -> None:
    ann, bob = stage.user("ann").id, stage.user("bob").id
    assert nicknames.of(ann) == "ann"
    rename(stage, ann, "anna")
    nicknames.note(changed(bob))
    nicknames.note(Entry(EntryId(2), "typing", b"{}", None))
    assert nicknames.of(ann) == "ann"
    nicknames.note(changed(ann))
    assert nicknames.of(ann) == "anna"


def test_another_database_has_other_nicknames(stage: Stage, nicknames: Nicknames) -> None:
    ann = stage.user("ann").id
    assert nicknames.of(ann) == "ann"
    rename(stage, ann, "anna")
    nicknames.note(Entry(EntryId(1), RESYNC, b"{}", None))
    assert nicknames.of(ann) == "anna"


def test_name_that_changed_while_it_was_read_is_not_kept(
    stage: Stage, nicknames: Nicknames, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = stage.user("ann").id

    def change_meanwhile(*_arguments: object) -> dict[int, str]:
        nicknames.note(changed(ann))
        return {ann: "old"}

    with monkeypatch.context() as patch:
        patch.setattr(users, "nicknames_of", change_meanwhile)
        nicknames.of(ann)
    assert nicknames.of(ann) == "ann"


def test_only_so_many_are_kept(
    stage: Stage, nicknames: Nicknames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ngw2f.live.nicknames.MAX_KNOWN", 2)
    for name in ("ann", "bob", "carl"):
        assert nicknames.of(stage.user(name).id) == name
    assert len(nicknames._known) <= 2
