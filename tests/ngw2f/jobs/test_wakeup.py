"""No wake-up is lost: a job sees every row that was committed before it was called.

`test_no_order_of_steps_loses_a_row` tries every order in which posts and jobs can
take their steps; `test_wake_ups_from_many_threads` has real ones.
"""

import threading
from collections.abc import Callable, Collection, Iterator
from itertools import count

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as configure
from hypothesis import strategies as st
from redis import Redis
from rq import Queue
from rq.job import Job

from ngw2f.broker.connection import Broker
from ngw2f.jobs import wakeup as module
from ngw2f.jobs.outbox import Batch, Outbox
from ngw2f.jobs.wakeup import RENDER, WakeUp
from ngw2f.server.service import Service
from ngw2f.settings import Settings
from tests.client import Client
from tests.queues import id_of, queue_of


@pytest.fixture
def wakeup(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[WakeUp]:
    """With a flag that stays up, however slow the machine is."""
    monkeypatch.setattr(module, "FLAG_MILLISECONDS", 60_000)
    broker = Broker(settings)
    yield WakeUp(broker, RENDER)
    broker.close()


@pytest.fixture
def queue(redis: Redis) -> Queue:
    return queue_of(redis)


def test_wakes_once(wakeup: WakeUp, queue: Queue) -> None:
    for _ in range(5):
        wakeup.wake()
    assert queue.job_ids == [id_of(RENDER)]


def test_wakes_again_after_the_flag_is_cleared(wakeup: WakeUp, queue: Queue) -> None:
    wakeup.wake()
    wakeup.clear_flag()
    wakeup.wake()
    assert queue.job_ids == [id_of(RENDER), id_of(RENDER)]


def test_wake_again_ignores_the_flag(wakeup: WakeUp, queue: Queue) -> None:
    wakeup.wake()
    wakeup.wake_again()
    assert len(queue) == 2


def test_flag_of_a_lost_call_goes_away(wakeup: WakeUp, redis: Redis) -> None:
    wakeup.wake()
    assert 0 < redis.pttl("ngw2f:bell:render") <= module.FLAG_MILLISECONDS


def test_job_survives_its_end(client: Client, work: Callable[..., None], redis: Redis) -> None:
    """An ending run must not take along the hash of the next call."""
    client.say(client.join("ann"), "a")
    work()
    assert Job.exists(id_of(RENDER), connection=redis)
    assert Job.fetch(id_of(RENDER), connection=redis).get_status() == "finished"


def test_call_during_the_job_is_heard(
    client: Client, work: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message is posted when the job has looked for the last time, before it ends."""
    ann = client.join("ann")
    client.say(ann, "first")
    render_batch = Outbox.render_batch
    posted: list[object] = []

    def render_batch_then_post(
        outbox: Outbox, render: Callable[[str], str], exclude_ids: Collection[int]
    ) -> Batch | None:
        batch = render_batch(outbox, render, exclude_ids)
        if batch is None and not posted:
            posted.append(client.say(ann, "last"))
        return batch

    monkeypatch.setattr(Outbox, "render_batch", render_batch_then_post)
    work()
    messages = client.get("/api/messages").json["messages"]
    assert [message["rendered"] for message in messages] == [True, True]


class Chat:
    """The protocol of ngw2f/jobs/wakeup.py on a real Valkey, with the rows in a set.

    Posts and workers are generators; each `next` is one step.
    """

    def __init__(self, wakeup: WakeUp, redis: Redis) -> None:
        redis.flushall()
        self.wakeup, self.redis = wakeup, redis
        self.queue = queue_of(redis)
        self.waiting: set[int] = set()
        self.ids = count()

    def post(self) -> Iterator[None]:
        self.waiting.add(next(self.ids))
        yield
        self.wakeup.wake()

    def work(self) -> Iterator[None]:
        """Run jobs until there is none."""
        while self.redis.lpop(self.queue.key):
            yield
            self.wakeup.clear_flag()
            yield
            self.waiting.clear()
            yield


POSTS, WORKERS = 4, 2


# Each example empties the Valkey itself.
@configure(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.lists(st.integers(0, POSTS + WORKERS - 1), min_size=8, max_size=30))
def test_no_order_of_steps_loses_a_row(wakeup: WakeUp, redis: Redis, order: list[int]) -> None:
    chat = Chat(wakeup, redis)
    actors = [chat.post() for _ in range(POSTS)] + [chat.work() for _ in range(WORKERS)]
    for number in order:
        if next(actors[number], "ended") == "ended" and number >= POSTS:
            actors[number] = chat.work()
    # All go on to their end; then one looks for calls once more.
    for actor in [*actors, chat.work()]:
        for _ in actor:
            pass
    assert chat.waiting == set()


def test_wake_ups_from_many_threads(
    build: Callable[..., Service], work: Callable[..., None]
) -> None:
    """Eight clients post while workers come and go; nobody sweeps."""
    service = build()
    ann = Client(service).join("ann")

    def post() -> None:
        client = Client(service)
        for number in range(25):
            client.say(ann, f"*{number}*")

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        work()
    for thread in threads:
        thread.join()
    work()
    messages = Client(service).get("/api/messages?limit=200").json["messages"]
    assert len(messages) == 200
    assert {message["rendered"] for message in messages} == {True}
