"""What comes is written past the greenlet of a subscription, where the transport can."""

from collections.abc import Iterator
from contextlib import contextmanager

import gevent
import pytest

from ngw2f.live.choice import parse_choice
from ngw2f.live.feed import BATCH
from ngw2f.live.formats import JSONLines
from ngw2f.live.plain import PlainText
from ngw2f.live.subscription import Ending, Subscription
from tests.ngw2f.live.conftest import Stage

TURNS = 20


class Recorder:
    """A writer that takes whole frames until it is full, and may leave a rest."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.size = 0
        self.rest: object = None
        self.is_full = False
        self.leaves: object = None

    def frame(self, content: bytes) -> bytes:
        return b"<%b>" % content

    def write(self, frame: bytes, size: int) -> bool:
        assert frame
        if self.is_full:
            return False
        self.frames.append(frame)
        self.size += size
        self.rest = self.leaves
        return True

    @property
    def text(self) -> str:
        return b"".join(self.frames).decode()


def turn() -> None:
    for _ in range(TURNS):
        gevent.sleep(0)


@contextmanager
def pumping(subscription: Subscription) -> Iterator[tuple[Recorder, list[bytes]]]:
    """Give it a writer, and yield that and the chunks that its greenlet gets."""
    writer, chunks = Recorder(), list[bytes]()
    subscription.writer = writer

    def pump() -> None:
        while (chunk := subscription.next_chunk()) is not None:
            chunks.append(chunk)
            writer.rest = None

    greenlet = gevent.spawn(pump)
    turn()
    yield writer, chunks
    subscription.end(Ending.CLOSED)
    greenlet.join()
    subscription.close()


def say(stage: Stage, *sources: str) -> None:
    ann = stage.user("ann")
    for source in sources:
        stage.post(ann, source)
    stage.follow()
    turn()


@pytest.fixture
def subscription(stage: Stage) -> Subscription:
    stage.follow()
    return stage.hub.subscribe(JSONLines(), choice=parse_choice([], ["message.*"]))


def test_news_are_written_in_one_frame(stage: Stage, subscription: Subscription) -> None:
    with pumping(subscription) as (writer, chunks):
        say(stage, "one", "two")
        (frame,) = writer.frames
        assert frame.count(b'"source":') == 2
        assert (writer.size, chunks) == (len(frame) - 2, [])
        assert stage.hub.delivered == 2
        assert subscription.last_id == stage.hub.position


def test_all_get_the_same_bytes(stage: Stage, subscription: Subscription) -> None:
    others = [
        stage.hub.subscribe(JSONLines(), choice=subscription.feed.choice) for _ in range(BATCH + 1)
    ]
    with pumping(subscription) as (first, _):
        writers = []
        for other in others:
            context = pumping(other)
            writers.append((context, context.__enter__()[0]))
        say(stage, "one")
        assert all(writer.frames[0] is first.frames[0] for _, writer in writers)
        # They are not kept when all have them.
        assert not subscription.feed._framed
        assert not subscription.feed._joined
        for context, _ in writers:
            context.__exit__(None, None, None)


def test_full_client_is_left_to_its_greenlet(stage: Stage, subscription: Subscription) -> None:
    with pumping(subscription) as (writer, chunks):
        writer.is_full = True
        say(stage, "one")
        assert writer.frames == []
        assert b'"source":"one"' in b"".join(chunks)


def test_rest_is_left_to_the_greenlet(stage: Stage, subscription: Subscription) -> None:
    with pumping(subscription) as (writer, chunks):
        writer.leaves = b"rest"
        say(stage, "one")
        assert (len(writer.frames), chunks) == (1, [b""])


def test_nothing_is_written_into_a_chunk_of_the_greenlet(
    stage: Stage, subscription: Subscription
) -> None:
    """A greenlet that is not waiting may be writing just now."""
    writer = subscription.writer = Recorder()
    subscription.feed.waiting.add(subscription)
    say(stage, "one")
    assert writer.frames == []


@pytest.mark.parametrize("state", ["said", "behind", "ended"])
def test_greenlet_writes_all_else(stage: Stage, subscription: Subscription, state: str) -> None:
    with pumping(subscription) as (writer, chunks):
        stage.post(stage.user("ann"), "one")
        stage.follow()
        if state == "said":
            subscription.say(b"answer")
        elif state == "behind":
            subscription.resume("0")
        else:
            subscription.end(Ending.DRAINED)
        turn()
        assert writer.frames == []
        assert b"".join(chunks).count(b'"source":"one"') == (0 if state == "ended" else 1)


def test_nothing_is_written_for_events_that_a_form_leaves_out(stage: Stage) -> None:
    """An empty chunk would end the body (RFC 9112 section 7.1)."""
    subscription = stage.hub.subscribe(PlainText(stage.services.core.database))
    with pumping(subscription) as (writer, chunks):
        ann = stage.user("ann")
        stage.follow()
        turn()
        assert (writer.frames, chunks) == ([], [])
        assert subscription._position == subscription.feed.end > 0
        stage.post(ann, "one")
        stage.follow()
        turn()
        assert "ann: one" in writer.text


def test_next_news_are_written_too(stage: Stage, subscription: Subscription) -> None:
    ann = stage.user("ann")
    with pumping(subscription) as (writer, chunks):
        for source in ("one", "two", "three"):
            stage.post(ann, source)
            stage.follow()
            turn()
        first, second, third = writer.frames
        assert (b"one" in first, b"two" in second, b"three" in third) == (True, True, True)
        assert chunks == []
