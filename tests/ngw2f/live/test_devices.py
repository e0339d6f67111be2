"""Two devices of one person, which read, mark and are cut off in any order, and always agree.

Each counts what is unread by the events that it hears, as docs/api.md says. What it has counted is
compared with the truth: a model that is told of every post, deletion and mark.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ngw2f.api_resources import Reading, Room
from ngw2f.jobs.outbox import Outbox
from ngw2f.live.entry import EntryId
from ngw2f.live.subscription import Subscription
from ngw2f.settings import Settings
from ngw2f.store import events, readings
from ngw2f.store.users import UserRow
from ngw2f.text.markdown import MarkdownRenderer
from ngw2f.web.services import build_services
from tests.conftest import REDIS_TIMEOUT_SECONDS
from tests.live.server import RedisServer
from tests.ngw2f.live.conftest import Stage, read

# Short, so that a device that was away for long is told to read everything again.
STREAM_LENGTH = 12
ROOMS = st.sampled_from([0, 1])
DEVICES = st.sampled_from([0, 1])
TEXTS = st.sampled_from(["hello", "`@ann`, not you", "@ann, you", "@room", "@Ann and @room"])


@pytest.fixture
def stage(tmp_path: Path, database_url: str) -> Iterator[Stage]:
    server = RedisServer(tmp_path)
    server.start()
    settings = Settings(
        data_dir=str(tmp_path),
        database_url=database_url,
        redis_url=server.url,
        redis_timeout_seconds=REDIS_TIMEOUT_SECONDS,
        stream_length=STREAM_LENGTH,
        rate_limit=False,
        # Each example has rooms of its own.
        rooms_per_account=100_000,
        memberships_per_account=100_000,
    )
    services = build_services(settings)
    yield Stage(services, server)
    services.close()
    server.stop()


@dataclass
class Device:
    """What a device knows: the counts, and after which event it continues."""

    stage: Stage
    user: UserRow
    rooms: list[Room]
    counts: dict[int, Reading] = field(default_factory=dict)
    cursor: str = ""
    subscription: Subscription | None = None

    def load(self) -> None:
        with self.stage.services.core.database.reading() as connection:
            self.cursor = str(EntryId(events.last_id(connection)))
            ids = [room.id for room in self.rooms]
            self.counts = readings.list_readings(connection, self.user.id, ids)

    def connect(self) -> None:
        self.subscription = self.stage.subscribe(self.user, self.cursor)

    def cut(self) -> None:
        if self.subscription:
            self.subscription.close()
        self.subscription = None

    def hear(self) -> None:
        self.stage.follow()
        if self.subscription:
            for line in read(self.subscription).splitlines():
                self._apply(**msgspec.json.decode(line))

    def _apply(self, id: str, event: str, data: dict[str, Any]) -> None:  # noqa: A002 # as it comes
        self.cursor = id
        if event == "resync":
            self.load()
            return
        known = self.counts.get(data.get("room_id", 0))
        if event == "unread.updated":
            self.counts[data["room_id"]] = msgspec.convert(data, Reading)
        elif known is None:
            return
        elif event == "message.created" and data["user_id"] == self.user.id:
            self._set(known, last_read_id=data["id"], unread=0, mentions=0, mention_ids=())
        elif event == "message.created":
            self._set(known, unread=known.unread + 1)
        elif event == "message.restored":
            self._set(known, unread=known.unread + (data["id"] > known.last_read_id))
        elif event == "message.updated":
            is_all = data["mentions_room"] and known.in_room and not known.muted
            is_mine = is_all or self.user.id in data["mentions"]
            self._set_mention(known, data["id"], is_there=is_mine)
        elif event == "message.deleted" and data["id"] > known.last_read_id:
            self._set(known, unread=known.unread - 1)
            self._set_mention(self.counts[known.room_id], data["id"], is_there=False)

    def _set_mention(self, known: Reading, message_id: int, *, is_there: bool) -> None:
        ids = {*known.mention_ids} - {message_id}
        if is_there and message_id > known.last_read_id:
            ids.add(message_id)
        self._set(known, mentions=len(ids), mention_ids=tuple(sorted(ids)))

    def _set(self, known: Reading, **changes: Any) -> None:
        self.counts[known.room_id] = msgspec.structs.replace(known, **changes)


class Devices(RuleBasedStateMachine):
    """Ann with two devices, and Bob, in a public and a private room."""

    stage: Stage
    ann: UserRow
    bob: UserRow
    numbers: Iterator[int]
    outbox: Outbox
    markdown: MarkdownRenderer

    @initialize()
    def begin(self) -> None:
        number = next(self.numbers)
        self.rooms = [
            self.stage.room(self.ann, f"tea {number}", private=False),
            self.stage.room(self.ann, "den"),
        ]
        self.stage.services.actions.rooms.admit(self.ann, self.rooms[1].id, self.bob.id)
        self.said: list[dict[int, UserRow]] = [{}, {}]
        self.deleted: list[dict[int, UserRow]] = [{}, {}]
        # As last rendered, and what waits for that.
        self.texts: dict[int, str] = {}
        self.waiting: dict[int, str] = {}
        self.muted = [False, False]
        self.positions = [0, 0]
        self.devices = [Device(self.stage, self.ann, self.rooms) for _ in range(2)]
        self.stage.follow()
        for device in self.devices:
            device.load()
            device.connect()

    @rule(place=ROOMS, is_own=st.booleans(), text=TEXTS)
    def post(self, place: int, is_own: bool, text: str) -> None:
        user = self.ann if is_own else self.bob
        message_id = self.stage.post(user, text, self.rooms[place])
        self.said[place][message_id] = user
        self.waiting[message_id] = text
        if is_own:
            self.positions[place] = message_id

    @rule()
    def render(self) -> None:
        while self.outbox.render_batch(self.markdown.render):
            pass
        gone = {*self.deleted[0], *self.deleted[1]}
        self.texts |= {each: text for each, text in self.waiting.items() if each not in gone}
        self.waiting = {each: text for each, text in self.waiting.items() if each in gone}

    @precondition(lambda self: any(self.said))
    @rule(place=ROOMS, data=st.data(), text=TEXTS)
    def edit(self, place: int, data: st.DataObject, text: str) -> None:
        if self.said[place]:
            message_id = data.draw(st.sampled_from(sorted(self.said[place])))
            author = self.said[place][message_id]
            self.stage.services.actions.messages.edit(author, message_id, text)
            self.waiting[message_id] = text

    @rule(place=ROOMS, is_muted=st.booleans())
    def mute(self, place: int, is_muted: bool) -> None:
        readings_ = self.stage.services.actions.readings
        said = readings_.mute(self.ann, self.rooms[place].id, is_muted=is_muted)
        self.muted[place] = is_muted
        assert said == self._truth(place)

    @precondition(lambda self: any(self.said))
    @rule(place=ROOMS, data=st.data())
    def delete(self, place: int, data: st.DataObject) -> None:
        if self.said[place]:
            message_id = data.draw(st.sampled_from(sorted(self.said[place])))
            author = self.said[place].pop(message_id)
            self.stage.services.actions.messages.remove(author, message_id)
            self.deleted[place][message_id] = author
            # It is rendered again if it comes back, and mentions nobody before.
            self.waiting[message_id] = self.waiting.get(message_id) or self.texts[message_id]
            self.texts.pop(message_id, None)

    @precondition(lambda self: any(self.deleted))
    @rule(place=ROOMS, data=st.data())
    def restore(self, place: int, data: st.DataObject) -> None:
        if self.deleted[place]:
            message_id = data.draw(st.sampled_from(sorted(self.deleted[place])))
            author = self.said[place][message_id] = self.deleted[place].pop(message_id)
            self.stage.services.actions.messages.restore(author, message_id)

    @rule(place=ROOMS, data=st.data())
    def mark_read(self, place: int, data: st.DataObject) -> None:
        message_id = data.draw(self._some_id(place))
        said = self.stage.services.actions.readings.mark_read(
            self.ann, self.rooms[place].id, message_id
        )
        newest = max(self.said[place], default=0)
        self.positions[place] = max(self.positions[place], min(message_id, newest))
        assert said == self._truth(place)

    @rule(place=ROOMS, data=st.data())
    def mark_unread(self, place: int, data: st.DataObject) -> None:
        message_id = data.draw(self._some_id(place))
        said = self.stage.services.actions.readings.mark_unread(
            self.ann, self.rooms[place].id, message_id
        )
        self.positions[place] = min(self.positions[place], message_id - 1)
        assert said == self._truth(place)

    def _some_id(self, place: int) -> st.SearchStrategy[int]:
        known = sorted(self.said[place])
        return st.sampled_from(known) if known else st.integers(1, 50)

    @rule(number=DEVICES)
    def cut_off(self, number: int) -> None:
        self.devices[number].cut()

    @rule(number=DEVICES)
    def come_back(self, number: int) -> None:
        if not self.devices[number].subscription:
            self.devices[number].connect()

    @rule(number=DEVICES)
    def listen(self, number: int) -> None:
        self.devices[number].hear()

    def _truth(self, place: int) -> Reading:
        position = self.positions[place]
        unread = sum(message_id > position for message_id in self.said[place])
        ids = [each for each in sorted(self.said[place]) if each > position]
        ids = [each for each in ids if self._is_for_ann(place, each)]
        return Reading(
            self.rooms[place].id,
            self.ann.id,
            position,
            unread,
            len(ids),
            self.muted[place],
            in_room=True,
            mention_ids=tuple(ids),
        )

    def _is_for_ann(self, place: int, message_id: int) -> bool:
        text = self.texts.get(message_id, "")
        is_by_name = (
            "@ann" in text.lower().replace("`@ann`", "")
            and self.said[place][message_id] is self.bob
        )
        return is_by_name or ("@room" in text and not self.muted[place])

    @invariant()
    def all_agree(self) -> None:
        for device in self.devices:
            if device.subscription:
                device.hear()
        truth = [self._truth(place) for place in (0, 1)]
        ids = [room.id for room in self.rooms]
        with self.stage.services.core.database.reading() as connection:
            stored = readings.list_readings(connection, self.ann.id, ids)
        assert list(stored.values()) == truth
        for device in self.devices:
            if device.subscription:
                assert list(device.counts.values()) == truth

    def teardown(self) -> None:
        for device in getattr(self, "devices", []):
            device.cut()


def test_devices_agree(stage: Stage) -> None:
    class Here(Devices):
        pass

    Here.stage, Here.ann, Here.bob = stage, stage.user("ann"), stage.user("bob")
    Here.numbers = iter(range(1_000_000))
    core = stage.services.core
    Here.outbox = Outbox(core.database, core.events, core.settings.data_path)
    Here.markdown = MarkdownRenderer()
    run_state_machine_as_test(
        Here, settings=hypothesis_settings(max_examples=25, stateful_step_count=40)
    )
    Here.outbox.close()
