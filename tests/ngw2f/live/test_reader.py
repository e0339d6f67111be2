import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import gevent
import pytest

from ngw2f.live import reader as module
from ngw2f.live.entry import Entry, EntryId
from ngw2f.live.payloads import Typing
from ngw2f.live.reader import MAX_PAUSE_SECONDS, PAUSE_SECONDS, StreamReader
from ngw2f.store.events import Run
from tests.entries import entries_of
from tests.ngw2f.live.conftest import Stage
from tests.waiting import wait_until


class Receiver:
    """Keeps what it gets; ends the reader's thread with the next entry when told to."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.failures: list[Exception] = []
        self.is_over = False

    @property
    def position(self) -> EntryId:
        return self.entries[-1].id if self.entries else EntryId(0)

    def deliver(self, entry: Entry) -> None:
        if self.is_over:
            raise SystemExit
        if self.failures:
            raise self.failures.pop()
        self.entries.append(entry)

    def ids(self) -> list[int]:
        return [entry.id.milliseconds for entry in self.entries]


def record(stage: Stage) -> Run:
    with stage.services.core.database.writing() as connection:
        return stage.services.core.events.record(connection, "typing", Typing(1, 1, "ann"))


def publish(stage: Stage) -> int:
    run = record(stage)
    stage.services.core.events.publish(run)
    return run.events[0].id


def follow(reader: StreamReader) -> threading.Thread:
    """Run the reader in a thread, until its receiver ends it."""

    def run() -> None:
        with suppress(SystemExit):
            reader.run()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


@pytest.fixture
def reader(
    stage: Stage, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> Iterator[StreamReader]:
    """Have a reader follow the stream in a thread, and look around often."""
    monkeypatch.setattr(module, "BLOCK_MILLISECONDS", 20)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    services = stage.services
    reader = StreamReader(
        services.core.settings, services.core.database, services.core.events, receiver
    )
    thread = follow(reader)
    yield reader
    receiver.is_over = True
    wait_until(lambda: bool(publish(stage)) and not thread.is_alive())


def test_hands_on_what_comes_in_order(
    stage: Stage, reader: StreamReader, receiver: Receiver
) -> None:
    ids = [publish(stage) for _ in range(5)]
    wait_until(lambda: len(receiver.entries) >= 5)
    assert receiver.ids() == ids


def test_begins_after_what_is_known(stage: Stage, receiver: Receiver) -> None:
    first, second = publish(stage), publish(stage)
    receiver.entries.append(Entry(EntryId(first), "typing", b"{}", None))
    services = stage.services
    reader = StreamReader(
        services.core.settings, services.core.database, services.core.events, receiver
    )
    thread = follow(reader)
    wait_until(lambda: len(receiver.entries) >= 2)
    receiver.is_over = True
    publish(stage)
    thread.join(60)
    assert receiver.ids() == [first, second]


def test_what_is_none_of_ours_is_left_out(
    stage: Stage, reader: StreamReader, receiver: Receiver
) -> None:
    first = publish(stage)
    stage.services.core.broker.redis.xadd(
        stage.services.core.events.key, {"other": "thing"}, f"{first}-1"
    )
    last = publish(stage)
    wait_until(lambda: last in receiver.ids())
    assert [entry.name for entry in receiver.entries] == ["typing", "typing"]


def test_appends_what_nobody_has(stage: Stage, reader: StreamReader, receiver: Receiver) -> None:
    run = record(stage)
    wait_until(lambda: receiver.entries)
    assert receiver.ids() == [run.events[0].id]


def test_goes_on_when_redis_is_back(
    stage: Stage, reader: StreamReader, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, module.__name__)
    first = publish(stage)
    wait_until(lambda: receiver.entries)
    stage.redis_server.stop()
    wait_until(lambda: "the stream cannot be read" in caplog.text)
    # It has lost all that it had.
    second = record(stage).events[0].id
    stage.redis_server.start()
    wait_until(lambda: len(receiver.entries) >= 2)
    assert receiver.ids() == [first, second]
    said = [record.message for record in caplog.records if record.name == module.__name__]
    assert len(said) == 2
    assert said[1] == f"the stream can be read again; continuing after {first}-0"


def test_mistake_does_not_end_it(
    stage: Stage, reader: StreamReader, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.failures.append(ValueError("a mistake"))
    first = publish(stage)
    wait_until(lambda: receiver.entries)
    assert receiver.ids() == [first]
    assert "reading the stream failed" in caplog.text


@pytest.mark.parametrize(
    ("writing", "pause"),
    [(0.0, PAUSE_SECONDS), (0.02, 0.02), (0.2, MAX_PAUSE_SECONDS)],
    ids=["few clients", "many", "too many"],
)
def test_pauses_as_long_as_the_writing_took(
    stage: Stage, writing: float, pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    receiver = WokenReceiver(lambda: clock.advance(writing))
    services = stage.services
    reader = StreamReader(
        services.core.settings, services.core.database, services.core.events, receiver
    )
    entry = (b"5-0", {b"event": b"typing", b"data": b"{}"})
    assert reader._hand_on([entry]) == pytest.approx(pause)


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class WokenReceiver(Receiver):
    """Somebody waits for the entry, and writes as soon as it is their turn."""

    def __init__(self, write: Callable[[], None]) -> None:
        super().__init__()
        self._write = write

    def deliver(self, entry: Entry) -> None:
        super().deliver(entry)
        gevent.get_hub().loop.run_callback(self._write)


def test_what_a_full_redis_does_not_take_is_delivered(
    stage: Stage, reader: StreamReader, receiver: Receiver
) -> None:
    first = publish(stage)
    wait_until(lambda: receiver.ids() == [first])
    stage.services.core.broker.redis.config_set("maxmemory", 1)
    second, third = publish(stage), publish(stage)
    wait_until(lambda: receiver.ids() == [first, second, third])
    stage.services.core.broker.redis.config_set("maxmemory", 0)
    fourth = publish(stage)
    wait_until(lambda: receiver.ids() == [first, second, third, fourth])


def test_what_the_stream_has_dropped_is_read_from_the_database(
    stage: Stage, receiver: Receiver
) -> None:
    services = stage.services
    ids = [publish(stage) for _ in range(9)]
    services.core.broker.redis.xtrim(services.core.events.key, maxlen=2, approximate=False)
    reader = StreamReader(
        services.core.settings, services.core.database, services.core.events, receiver
    )
    reader._hand_on(entries_of(services.core.broker.redis, services.core.events.key))
    assert receiver.ids() == ids


def test_few_large_entries_are_read_at_once(stage: Stage, receiver: Receiver) -> None:
    services = stage.services
    reader = StreamReader(
        services.core.settings, services.core.database, services.core.events, receiver
    )
    large = {b"event": b"typing", b"data": b"x" * 100_000, b"room": b""}
    reader._hand_on([(b"1-0", large), (b"2-0", large)])
    assert reader._count == 10
    reader._hand_on([(b"3-0", {b"event": b"typing", b"data": b"{}", b"room": b""})])
    assert reader._count == module.MAX_ENTRIES
