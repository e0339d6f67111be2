import json
from functools import partial

import pytest

from ngw2f.api_resources import MAX_ID
from ngw2f.errors import Invalid
from ngw2f.live.choice import EVERYTHING, MAX_EVENTS, MAX_ROOMS, NAMES, Choice, parse_choice
from ngw2f.live.entry import RESYNC, Entry, EntryId
from ngw2f.live.formats import JSONLines, ServerSentEvents, SocketIOPackets
from ngw2f.live.subscription import Subscription
from tests.ngw2f.live.conftest import Stage, read

MESSAGES = frozenset(
    {"message.created", "message.updated", "message.deleted", "message.restored", "message.reacted"}
)


def events_heard(subscription: Subscription) -> list[tuple[str, str]]:
    events = [json.loads(line) for line in read(subscription).splitlines()]
    return [(each["event"], each["data"].get("source", "")) for each in events]


def entry(name: str, room_id: int | None) -> Entry:
    return Entry(EntryId(1), name, b"{}", room_id)


@pytest.mark.parametrize(
    ("rooms", "events", "choice"),
    [
        ([], [], EVERYTHING),
        (["1"], [], Choice(frozenset({1}))),
        (["2,1, 1"], [], Choice(frozenset({1, 2}))),
        ([str(MAX_ID)], [], Choice(frozenset({MAX_ID}))),
        ([], ["message.*"], Choice(None, MESSAGES)),
        ([], ["message.deleted, message.*"], Choice(None, MESSAGES)),
        ([], ["typing,user.*"], Choice(None, frozenset({"typing", "user.updated"}))),
        ([], [RESYNC], Choice(None, frozenset({RESYNC}))),
        ([], ["message.*,user.*,room.*,unread.*,typing"], EVERYTHING),
        ([], [",".join(NAMES)], EVERYTHING),
    ],
)
def test_choice_is_read(rooms: list[str], events: list[str], choice: Choice) -> None:
    assert parse_choice(rooms, events) == choice


@pytest.mark.parametrize(
    "rooms",
    [[""], ["x"], ["0"], ["-1"], ["1.5"], ["1,"], ["1;2"], ["\u0661"], [str(MAX_ID + 1)],
     ["9" * 5_000], ["1", "2"], [",".join(["1"] * (MAX_ROOMS + 1))]],
)  # fmt: skip
def test_what_is_no_room_is_refused(rooms: list[str]) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_choice(rooms, [])
    assert refusal.value.detail.startswith("rooms ")
    assert len(refusal.value.detail) < 200


@pytest.mark.parametrize(
    "events",
    [[""], ["*"], [".*"], ["message"], ["message."], ["message*"], ["message.*d"], ["typing.*"],
     ["Typing"], ["tokens.revoked"], ["x" * 5_000], ["typing", "typing"],
     [",".join(["typing"] * (MAX_EVENTS + 1))]],
)  # fmt: skip
def test_what_is_no_event_is_refused(events: list[str]) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_choice([], events)
    assert refusal.value.detail.startswith("events ")
    assert len(refusal.value.detail) < 200


@pytest.mark.parametrize(
    ("name", "room_id", "is_included"),
    [
        ("message.created", 1, True),
        ("message.created", 2, False),
        ("typing", 1, False),
        ("user.updated", None, True),
        (RESYNC, None, True),
    ],
)
def test_choice_includes(name: str, room_id: int | None, is_included: bool) -> None:
    choice = parse_choice(["1"], ["message.*,user.*"])
    assert choice.includes(entry(name, room_id)) is is_included


def test_nobody_chooses_to_miss_a_resync() -> None:
    assert parse_choice(["1"], ["typing"]).includes(entry(RESYNC, None))


def test_only_what_is_chosen_is_heard(stage: Stage) -> None:
    ann = stage.user("ann")
    room = stage.room(ann, "one", private=False)
    stage.room(ann, "other", private=False)
    of_room = stage.hub.subscribe(JSONLines(), choice=parse_choice([str(room.id)], []))
    of_messages = stage.hub.subscribe(JSONLines(), choice=parse_choice([], ["message.*"]))
    stage.user("bob")
    stage.post(ann, "here", room)
    stage.post(ann, "elsewhere")
    stage.follow()
    assert events_heard(of_room)[-2:] == [("user.updated", ""), ("message.created", "here")]
    assert [source for _, source in events_heard(of_messages)] == ["here", "elsewhere"]


def test_missed_events_are_chosen_too(stage: Stage) -> None:
    ann = stage.user("ann")
    room = stage.room(ann, "one", private=False)
    stage.post(ann, "elsewhere")
    stage.post(ann, "here", room)
    stage.post(ann, "elsewhere")
    stage.follow()
    choice = parse_choice([str(room.id)], ["message.*"])
    subscription = stage.hub.subscribe(JSONLines(), after="0", choice=choice)
    assert events_heard(subscription) == [("message.created", "here")]


@pytest.mark.parametrize("after", [None, "0"], ids=["live", "missed"])
def test_cursor_passes_over_what_is_not_chosen(stage: Stage, after: str | None) -> None:
    ann = stage.user("ann")
    choice = parse_choice([], ["typing"])
    subscription = stage.hub.subscribe(JSONLines(), after=after, choice=choice)
    stage.post(ann, "not chosen")
    stage.follow()
    assert events_heard(subscription) == []
    assert subscription.last_id == stage.hub.position


def test_choice_resumes_without_a_gap(stage: Stage) -> None:
    ann = stage.user("ann")
    room = stage.room(ann, "one", private=False)
    stage.follow()
    subscribe = partial(stage.hub.subscribe, JSONLines(), choice=parse_choice([str(room.id)], []))
    first = subscribe()
    for source, place in (("1", room), ("not here", None), ("2", room)):
        stage.post(ann, source, place)
        stage.follow()
    cursors = [str(first.last_id)]
    stage.post(ann, "3", room)
    stage.follow()
    assert [source for _, source in events_heard(first)] == ["1", "2", "3"]
    assert [source for _, source in events_heard(subscribe(after=cursors[0]))] == ["1", "2", "3"]
    assert events_heard(subscribe(after=str(first.last_id))) == []


def test_equal_choices_share_a_feed(stage: Stage) -> None:
    ann, bob = stage.user("ann"), stage.user("bob")
    private = stage.room(ann, "hers")
    stage.room(bob, "his")
    stage.follow()

    def hearing(user_id: int | None, *events: str) -> Subscription:
        choice = parse_choice(["1"], events)
        return stage.hub.subscribe(JSONLines(), user_id, choice=choice)

    # Their private rooms differ, but none of them is chosen.
    equal = [
        hearing(None, "message.*"),
        hearing(ann.id, ",".join(MESSAGES)),
        hearing(bob.id, "message.*"),
    ]
    other = hearing(bob.id)
    assert len({each.feed for each in equal}) == 1
    assert other.feed is not equal[0].feed
    stage.services.actions.rooms.admit(ann, private.id, bob.id)
    stage.follow()
    assert len({each.feed for each in equal}) == 1


def test_frame_is_made_once_for_all_choices(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = stage.user("ann")
    framed: list[str] = []
    frame = JSONLines.frame

    def note(form: JSONLines, entry: Entry) -> bytes:
        framed.append(entry.name)
        return frame(form, entry)

    monkeypatch.setattr(JSONLines, "frame", note)
    for events in (["message.*"], ["message.created"], []):
        stage.hub.subscribe(JSONLines(), choice=parse_choice([], events))
    stage.post(ann, "once")
    stage.follow()
    assert framed.count("message.created") == 1


def test_member_hears_a_chosen_private_room_until_removed(stage: Stage) -> None:
    ann, bob = stage.user("ann"), stage.user("bob")
    room = stage.room(ann, "secret")
    stage.services.actions.rooms.admit(ann, room.id, bob.id)
    stage.follow()
    choice = parse_choice([str(room.id)], ["message.*"])
    subscription = stage.hub.subscribe(JSONLines(), bob.id, choice=choice)
    other = stage.hub.subscribe(JSONLines(), bob.id, choice=parse_choice(["1"], ["message.*"]))
    heard = []
    for change in (None, "remove_member", "admit"):
        if change:
            getattr(stage.services.actions.rooms, change)(ann, room.id, bob.id)
            stage.follow()
        stage.post(ann, f"after {change}", room)
        stage.follow()
        heard += [source for _, source in events_heard(subscription)]
    assert heard == ["after None", "after admit"]
    assert events_heard(other) == []


def test_choice_gives_no_rights(stage: Stage) -> None:
    ann = stage.user("ann")
    room = stage.room(ann, "secret")
    subscription = stage.hub.subscribe(JSONLines(), choice=parse_choice([str(room.id)], []))
    stage.post(ann, "secret", room)
    stage.follow()
    assert "secret" not in read(subscription)


def test_heartbeat_says_how_far_a_choice_is(stage: Stage) -> None:
    ann = stage.user("ann")
    choice = parse_choice([], ["typing"])
    chosen = stage.hub.subscribe(ServerSentEvents(), choice=choice)
    everything = stage.hub.subscribe(ServerSentEvents())
    packets = stage.hub.subscribe(SocketIOPackets(), choice=choice)
    stage.post(ann, "passed over")
    stage.follow()
    read(everything)
    for subscription in (chosen, everything, packets):
        subscription.remind()
    assert read(chosen) == f"id: {stage.hub.position}\n\n"
    assert read(everything) == ":\n"
    assert read(packets) == ""
