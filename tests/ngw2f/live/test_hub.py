import json
from functools import partial

import pytest

from ngw2f.actions.sessions import record_revocation
from ngw2f.live.entry import Entry, EntryId
from ngw2f.live.feed import Feed
from ngw2f.live.formats import JSONLines, ServerSentEvents
from ngw2f.live.hub import PAGE, PAGE_BYTES
from ngw2f.live.subscription import Ending, Subscription
from ngw2f.store import rooms, tokens, users
from ngw2f.store.tokens import digest_of
from ngw2f.store.users import UserRow
from tests.entries import entries_of
from tests.ngw2f.live.conftest import Stage, read, read_chunks


def sources(subscription: Subscription) -> list[str]:
    events = [json.loads(line) for line in read(subscription).splitlines()]
    return [each["data"].get("source", each["event"]) for each in events]


def test_subscriber_hears_what_comes(stage: Stage) -> None:
    ann = stage.user("ann")
    subscription = stage.subscribe()
    stage.post(ann, "one")
    stage.post(ann, "two")
    stage.follow()
    assert sources(subscription) == ["one", "two"]


def test_what_was_before_is_not_heard(stage: Stage) -> None:
    ann = stage.user("ann")
    stage.post(ann, "one")
    subscription = stage.subscribe()
    stage.follow()
    assert sources(subscription) == []


def test_resume_has_no_gap_and_nothing_twice(stage: Stage) -> None:
    ann = stage.user("ann")
    first = stage.subscribe()
    stage.post(ann, "one")
    stage.follow()
    assert sources(first) == ["one"]
    stage.post(ann, "two")
    stage.follow()
    second = stage.subscribe(after=str(first.last_id))
    stage.post(ann, "three")
    stage.follow()
    assert sources(second) == ["two", "three"]


def test_resume_from_the_database(stage: Stage) -> None:
    ann = stage.user("ann")
    stage.hub.load()
    cursor = str(stage.hub.position)
    for number in range(30):
        stage.post(ann, str(number))
    stage.follow()
    stage.hub._recent.floor = stage.hub._recent._ids[20]
    del stage.hub._recent._entries[:21], stage.hub._recent._ids[:21]
    assert sources(stage.subscribe(after=cursor)) == [str(number) for number in range(30)]


def test_resume_from_the_beginning(stage: Stage) -> None:
    stage.post(stage.user("ann"), "one")
    assert sources(stage.subscribe(after="0")) == ["user.updated", "one"]


@pytest.mark.parametrize("after", ["nonsense", "99999999999999-0", "-", ""])
def test_unknown_id_is_told_to_resync(stage: Stage, after: str) -> None:
    stage.post(stage.user("ann"), "one")
    subscription = stage.subscribe(after=after)
    event = json.loads(read(subscription))
    assert (event["event"], event["id"]) == ("resync", str(stage.hub.position))


def test_old_id_is_told_to_resync_and_goes_on(stage: Stage) -> None:
    ann = stage.user("ann")
    first = stage.subscribe()
    cursor = str(first.last_id)
    for number in range(60):
        stage.post(ann, str(number))
    stage.hub._is_loaded = False
    subscription = stage.subscribe(after=cursor)
    assert sources(subscription) == ["resync"]
    stage.post(ann, "next")
    stage.follow()
    assert sources(subscription) == ["next"]


def test_id_that_another_process_gave_is_waited_for(stage: Stage) -> None:
    ann = stage.user("ann")
    stage.hub.load()
    stage.post(ann, "told by another process")
    with stage.services.core.database.reading() as connection:
        ahead = connection.exec_driver_sql("SELECT max(id) FROM events").scalar()
    subscription = stage.subscribe(after=f"{ahead}-0")
    assert sources(subscription) == []
    stage.post(ann, "next")
    stage.follow()
    assert sources(subscription) == ["next"]


def test_slow_reader_is_told_to_resync(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = stage.user("ann")
    monkeypatch.setattr("ngw2f.live.hub.Feed", partial(Feed, max_bytes=2_000))
    slow, quick = stage.subscribe(), stage.subscribe()
    for number in range(40):
        stage.post(ann, str(number))
        stage.follow()
        assert sources(quick) == [str(number)]
    assert sources(slow) == ["resync"]
    stage.post(ann, "next")
    stage.follow()
    assert sources(slow) == sources(quick) == ["next"]


def test_private_room_is_its_members(stage: Stage) -> None:
    ann, bob = stage.user("ann"), stage.user("bob")
    room = stage.room(ann, "den")
    members, others, strangers = stage.subscribe(ann), stage.subscribe(bob), stage.subscribe()
    stage.post(ann, "secret", room)
    stage.follow()
    assert sources(members) == ["secret"]
    assert sources(others) == sources(strangers) == []


def test_replay_leaves_private_rooms_out(stage: Stage) -> None:
    ann, bob = stage.user("ann"), stage.user("bob")
    stage.post(ann, "secret", stage.room(ann, "den"))
    assert sources(stage.subscribe(bob, after="0")) == ["user.updated"] * 2
    assert "secret" in sources(stage.subscribe(ann, after="0"))


def test_room_that_is_made_private_later_is_hidden(stage: Stage) -> None:
    ann = stage.user("ann")
    strangers = stage.subscribe()
    room = stage.room(ann, "den")
    stage.post(ann, "secret", room)
    stage.follow()
    assert sources(strangers) == []


def change_members(stage: Stage, room_id: int, user_id: int, *, leaves: bool) -> None:
    with stage.services.core.database.writing() as connection:
        change = rooms.remove_member if leaves else rooms.add_member
        change(connection, room_id, user_id)
        room = rooms.find_room(connection, room_id, stage_reader(stage))
        assert room is not None
        run = stage.services.core.events.record(connection, "room.updated", room)
    stage.services.core.events.publish(run)


def stage_reader(stage: Stage) -> UserRow:
    with stage.services.core.database.reading() as connection:
        user = users.find_user(connection, 1)
    assert user is not None
    return user


def test_private_room_that_appears_while_the_hub_loads(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = stage.user("ann")
    load = stage.hub.access.load

    def load_in_the_midst_of_others() -> None:
        load()
        stage.post(ann, "secret", stage.room(ann, "den"))

    monkeypatch.setattr(stage.hub.access, "load", load_in_the_midst_of_others)
    stranger = stage.subscribe(after="0")
    stage.follow()
    assert sources(stranger) == ["user.updated"]


def test_lost_access_is_lost_at_once(stage: Stage) -> None:
    ann, bob = stage.user("ann"), stage.user("bob")
    room = stage.room(ann, "den")
    change_members(stage, room.id, bob.id, leaves=False)
    subscription = stage.subscribe(bob)
    stage.post(ann, "before", room)
    stage.follow()
    assert sources(subscription) == ["before"]
    stage.post(ann, "not taken in time", room)
    change_members(stage, room.id, bob.id, leaves=True)
    stage.post(ann, "after", room)
    stage.post(ann, "for all")
    stage.follow()
    assert sources(subscription) == ["for all"]


def test_new_member_hears_from_then_on(stage: Stage) -> None:
    ann, bob = stage.user("ann"), stage.user("bob")
    room = stage.room(ann, "den")
    subscription = stage.subscribe(bob)
    change_members(stage, room.id, bob.id, leaves=False)
    stage.post(ann, "hello bob", room)
    stage.follow()
    assert sources(subscription) == ["room.updated", "hello bob"]


def test_revoked_token_ends_its_subscription(stage: Stage) -> None:
    ann = stage.user("ann")
    with stage.services.core.database.writing() as connection:
        revoked, kept = (tokens.create_token(connection, ann.id, 1) for _ in range(2))
    ending = stage.hub.subscribe(JSONLines(), ann.id, digest_of(revoked))
    staying = stage.hub.subscribe(JSONLines(), ann.id, digest_of(kept))
    stage.services.actions.sessions.end(revoked)
    stage.follow()
    assert ending.ending is Ending.REVOKED
    assert ending.next_chunk() is None
    assert staying.ending is None


def test_internal_events_reach_no_client(stage: Stage) -> None:
    ann = stage.user("ann")
    subscription = stage.subscribe()
    with stage.services.core.database.writing() as connection:
        run = record_revocation(stage.services.core.events, connection, ann.id)
    stage.services.core.events.publish(run)
    stage.follow()
    assert sources(subscription) == []
    assert sources(stage.subscribe(after="0")) == ["user.updated"]


def test_drained_subscriber_is_told_to_come_back(stage: Stage) -> None:
    subscription = stage.hub.subscribe(ServerSentEvents())
    stage.hub.drain()
    chunk = subscription.next_chunk()
    assert chunk is not None
    assert chunk.startswith(b"retry: ")
    assert subscription.next_chunk() is None


def test_who_comes_while_it_drains_is_sent_away(stage: Stage) -> None:
    stage.hub.drain()
    assert stage.subscribe().next_chunk() is None


def test_listeners_hear_every_entry(stage: Stage) -> None:
    heard: list[str] = []
    stage.hub.listen(lambda entry: heard.append(entry.name))
    stage.hub.load()
    stage.user("ann")
    stage.follow()
    assert heard == ["user.updated"]


def test_entry_that_was_heard_is_left_out(stage: Stage) -> None:
    stage.hub.load()
    stage.user("ann")
    subscription = stage.subscribe()
    stage.follow()
    stage.hub.deliver(Entry(stage.hub.position, "typing", b"{}", None))
    assert sources(subscription) == ["user.updated"]


def test_feeds_end_with_their_last_subscriber(stage: Stage) -> None:
    first, second = stage.subscribe(), stage.subscribe()
    assert first.feed is second.feed
    first.close()
    first.close()
    assert stage.hub._feeds
    second.close()
    assert not stage.hub._feeds


def test_users_who_are_connected(stage: Stage) -> None:
    ann = stage.user("ann")
    subscription = stage.subscribe(ann)
    stage.subscribe()
    assert stage.hub.user_ids() == {ann.id}
    subscription.close()
    assert stage.hub.user_ids() == set()


def test_position_starts_at_the_newest_stored(stage: Stage) -> None:
    stage.user("ann")
    stage.hub.load()
    with stage.services.core.database.reading() as connection:
        newest = connection.exec_driver_sql("SELECT max(id) FROM events").scalar()
    assert stage.hub.position == EntryId(newest or 0)


@pytest.fixture
def large(stage: Stage) -> list[str]:
    """Return what was posted: much more than one page, some of it not in memory any more."""
    ann = stage.user("ann")
    texts = [f"{number} " + "x" * 9_000 for number in range(40)]
    for text in texts:
        stage.post(ann, text)
    stage.follow()
    recent = stage.hub._recent
    recent.floor = recent._ids[20]
    del recent._entries[:21], recent._ids[:21]
    return texts


def test_client_that_was_away_is_given_few_bytes_at_once(stage: Stage, large: list[str]) -> None:
    chunks = read_chunks(stage.subscribe(after="0"))
    lines = b"".join(chunks).splitlines()
    heard = [json.loads(line)["data"].get("source") for line in lines]
    assert [each for each in heard if each] == large
    # Its frame is a little longer than an event.
    assert max(map(len, chunks)) < PAGE_BYTES + PAGE * 100


def test_few_bytes_are_loaded_at_the_start(
    stage: Stage, large: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ngw2f.live.hub.LOADED_BYTES", 100_000)
    stage.hub._is_loaded = False
    stage.hub.load()
    assert len(stage.hub._recent._entries) < 10
    subscription = stage.subscribe(after="0")
    assert [each for each in sources(subscription) if " " in each] == large


class Unframed(JSONLines):
    """A form that cannot be made of a message."""

    name = "unframed"
    queries = True

    def frame(self, entry: Entry) -> bytes:
        if entry.name == "message.created":
            raise ValueError("it cannot be framed")
        return super().frame(entry)


def test_event_that_cannot_be_framed_is_told_as_missing(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    ann = stage.user("ann")
    stage.follow()
    lacking, other = stage.hub.subscribe(Unframed()), stage.subscribe()
    stage.post(ann, "one")
    stage.follow()
    assert sources(lacking) == ["resync"]
    assert sources(other) == ["one"]
    assert "cannot be framed as unframed" in caplog.text


def test_who_comes_while_an_event_is_framed_hears_it_once(stage: Stage) -> None:
    """A form may ask the database; as PostgreSQL's driver waits, others run."""
    ann = stage.user("ann")
    stage.follow()
    late: list[Subscription] = []

    class Waiting(JSONLines):
        name = "waiting"
        queries = True

        def frame(self, entry: Entry) -> bytes:
            late.append(stage.hub.subscribe(ServerSentEvents(), after=str(stage.hub.position)))
            late.append(stage.hub.subscribe(Slow()))
            return super().frame(entry)

    class Slow(JSONLines):
        name = "slow"
        queries = True

        def frame(self, entry: Entry) -> bytes:
            assert entry.id > stage.hub.position, "somebody may have seen the event before"
            return super().frame(entry)

    early = stage.hub.subscribe(Waiting())
    stage.post(ann, "one")
    stage.follow()
    assert [read(each).count('"source":"one"') for each in (early, *late)] == [1, 1, 1]


def test_event_for_one_user_is_in_its_place(stage: Stage) -> None:
    """Among those of a feed that others share, and read it no slower for that."""
    ann, bob = stage.user("ann"), stage.user("bob")
    own, others = stage.subscribe(bob), stage.subscribe(ann)
    assert own.feed is others.feed
    room_id = stage.lobby().id
    message_id = stage.post(ann, "one")
    stage.services.actions.readings.mark_read(bob, room_id, message_id)
    stage.post(ann, "two")
    stage.follow()
    assert sources(own) == ["one", "unread.updated", "two"]
    assert sources(others) == ["one", "two"]
    late = stage.subscribe(bob, after="0")
    assert "unread.updated" in sources(late)
    # Nobody reads the stream by itself any more.
    assert not any(each.may_query for each in (own, others, late))


@pytest.mark.parametrize("what", ["personal", "membership"])
def test_slow_reader_is_told_to_resync_whatever_comes_next(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """It goes back to the stream, but where it was its feed does not know any more."""
    ann, bob = stage.user("ann"), stage.user("bob")
    den = stage.room(ann, "den")
    stage.follow()
    monkeypatch.setattr("ngw2f.live.hub.Feed", partial(Feed, max_bytes=2_000))
    slow = stage.subscribe(bob)
    for number in range(20):
        message_id = stage.post(ann, f"message {number}")
    stage.follow()
    if what == "personal":
        stage.services.actions.readings.mark_read(bob, stage.lobby().id, message_id)
    else:
        stage.services.actions.rooms.admit(ann, den.id, bob.id)
    stage.follow()
    assert sources(slow) == ["resync"]


def test_user_who_has_gone_is_forgotten(stage: Stage) -> None:
    ann = stage.user("ann")
    first, second = stage.subscribe(ann), stage.subscribe(ann)
    first.close()
    assert stage.hub._by_user == {ann.id: {second}}
    second.close()
    assert stage.hub._by_user == {}


def test_entry_in_the_stream_names_its_user(stage: Stage) -> None:
    ann, bob = stage.user("ann"), stage.user("bob")
    message_id = stage.post(ann, "one")
    stage.services.actions.readings.mark_read(bob, stage.lobby().id, message_id)
    core = stage.services.core
    (*_, (_, fields)) = entries_of(core.broker.redis, core.events.key)
    assert (fields[b"personal"], fields[b"user"]) == (b"unread.updated", b"%d" % bob.id)
    assert b"event" not in fields
