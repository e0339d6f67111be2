"""Who finds what: a private room's messages are for its members alone."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings, strategies

from ngw2f.actions.messages import Messages
from ngw2f.actions.rooms import Rooms
from ngw2f.actions.search import Search
from ngw2f.core import Core
from ngw2f.errors import Invalid, NotFound
from ngw2f.store import search as store
from ngw2f.store.messages import create_message
from ngw2f.store.search import Wanted
from ngw2f.store.users import UserRow
from ngw2f.text.search_words import folded_words
from tests.ngw2f.actions.conftest import create_user


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def search(core: Core) -> Search:
    return Search(core)


@pytest.fixture
def people(core: Core, ann: UserRow, rooms: Rooms, messages: Messages) -> dict[str, UserRow | None]:
    """Let Ann speak in the lobby and in a private room; return who may read which of it."""
    member, former = create_user(core, "Member"), create_user(core, "Former")
    den = rooms.create(ann, "den", private=True)
    for each in (member, former):
        rooms.admit(ann, den.id, each.id)
    messages.post(ann, 1, "a public secret")
    messages.post(ann, den.id, "a private secret")
    rooms.remove_member(ann, den.id, former.id)
    return {
        "anonymous": None,
        "stranger": create_user(core, "Stranger"),
        "former member": former,
        "member": member,
        "author": ann,
    }


PUBLIC, BOTH = ["a public secret"], ["a public secret", "a private secret"]
SEEN = {
    "anonymous": PUBLIC,
    "stranger": PUBLIC,
    "former member": PUBLIC,
    "member": BOTH,
    "author": BOTH,
}


@pytest.mark.parametrize("who", SEEN)
def test_who_finds_what(
    search: Search, people: dict[str, UserRow | None], render: Callable[[], int], who: str
) -> None:
    render()
    reader, seen = people[who], SEEN[who]

    def find(query: str, room_id: int | None = None) -> list[str]:
        return [each.source for each in search.find(reader, query, room_id=room_id).messages]

    assert find("secret") == find("from:ann") == find("-nothing") == seen
    # Nor does anything say that there is more.
    hits = search.find(reader, "secret", limit=1, with_names=True)
    assert (hits.messages[-1].source, hits.has_more) == (seen[-1], len(seen) > 1)
    assert set(hits.rooms) == {hits.messages[0].room_id}
    assert find("private") == seen[1:]
    assert find("secret in:lobby") == find("secret", 1) == PUBLIC
    if len(seen) > 1:
        assert find("secret in:den") == find("secret", 2) == seen[1:]
        assert find("secret -in:den") == PUBLIC
        return
    for ask in ("secret in:den", "secret -in:den", "secret in:nowhere"):
        with pytest.raises(NotFound, match="no such room"):
            find(ask)
    for room_id in (2, 999):
        with pytest.raises(NotFound, match="no such room"):
            find("secret", room_id)


def test_hits_name_rooms_authors_and_phrases(
    search: Search, people: dict[str, UserRow | None], render: Callable[[], int], ann: UserRow
) -> None:
    render()
    hits = search.find(ann, '"a secret" private from:ann -none OR')
    assert hits.messages == []
    assert hits.phrases == [("a", "secret"), ("private",), ("or",)]
    assert not hits.rooms
    assert not hits.nicknames
    hits = search.find(ann, "private SECRET", with_names=True)
    assert [room.name for room in hits.rooms.values()] == ["den"]
    assert hits.nicknames == {ann.id: "Ann"}


def test_message_is_found_once_it_is_rendered(
    search: Search, messages: Messages, render: Callable[[], int], ann: UserRow
) -> None:
    posted = messages.post(ann, 1, "one").message

    def found(*words: str) -> list[str]:
        return [each.source for word in words for each in search.find(None, word).messages]

    assert found("one") == []
    render()
    assert found("one") == ["one"]
    messages.edit(ann, posted.id, "two")
    assert found("one", "two") == []
    render()
    assert found("one", "two") == ["two"]
    messages.remove(ann, posted.id)
    assert found("one", "two") == []


def test_unknown_author(search: Search) -> None:
    with pytest.raises(NotFound, match="no user 'nobody'"):
        search.find(None, "from:nobody")


@pytest.mark.parametrize("query", ["", "!!!", "a " * 65])
def test_what_is_no_search(search: Search, query: str) -> None:
    with pytest.raises(Invalid):
        search.find(None, query)


SYNTAX = ["AND", "OR", "NOT", "NEAR(", "words:", "*", "^", '"', "'", "(", ")", "{", "}", "+", "-",
          ":", "\\", "&", "|", "!", "<->", "<2>", "%", "_", "\0", ";", "--", "from:", "in:", "🎉",
          "\u0301", "\u200d", "\ufdfa", "a", "é", "日", "#", "@1"]  # fmt: skip
QUERIES = (
    strategies.text(max_size=4000)
    | strategies.lists(strategies.sampled_from(SYNTAX), max_size=40).map("".join)
    | strategies.lists(strategies.sampled_from(SYNTAX), max_size=40).map(" ".join)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(query=QUERIES)
def test_any_text_is_searched_for_or_refused(search: Search, ann: UserRow, query: str) -> None:
    for reader in (None, ann):
        try:
            hits = search.find(reader, query)
        except (Invalid, NotFound):
            continue
        assert hits.messages == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(source=strategies.text(strategies.characters(codec="utf-8"), min_size=1, max_size=300))
def test_message_is_found_by_its_own_text(
    search: Search, messages: Messages, core: Core, ann: UserRow, source: str
) -> None:
    """As a phrase, on both databases; whatever it is, its words can be stored."""
    if "\0" in source:
        return
    with core.database.writing() as connection:
        made = create_message(connection, 1, ann.id, source, "")
        store.queue_message(connection, made.id)
        store.index_messages(connection, 5)
        words = tuple(folded_words(source))
        wanted = Wanted([words] if words else [])
        found, _ = store.find_messages(connection, wanted, None, limit=1)
        assert found[0].id == made.id
