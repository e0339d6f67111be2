import json
import time
from collections.abc import Callable, Collection
from types import SimpleNamespace

import pytest
from redis import Redis

from ngw2f.jobs import render as module
from ngw2f.jobs.context import JobContext
from ngw2f.jobs.outbox import Batch, Outbox
from ngw2f.jobs.render import render_messages
from ngw2f.jobs.wakeup import RENDER
from tests.client import Client
from tests.entries import entries_of
from tests.queues import id_of, queue_of


@pytest.fixture
def post_after_each_look(client: Client, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Give a function that has so many messages posted, one after each look at the outbox."""
    monkeypatch.setattr("ngw2f.jobs.wakeup.FLAG_MILLISECONDS", 60_000)
    monkeypatch.setattr(module, "MAX_SECONDS", 60.0)
    ann, render_batch = client.join("ann"), Outbox.render_batch
    left: list[str] = []

    def render_then_post(
        outbox: Outbox, render: Callable[[str], str], exclude_ids: Collection[int]
    ) -> Batch | None:
        batch = render_batch(outbox, render, exclude_ids)
        if left:
            client.say(ann, left.pop())
        return batch

    def begin(count: int) -> None:
        client.say(ann, "the first")
        left.extend(str(number) for number in range(count))
        monkeypatch.setattr(Outbox, "render_batch", render_then_post)

    return begin


def test_all_that_waits(client: Client, job_context: JobContext) -> None:
    ann = client.join("ann")
    for number in range(120):
        client.say(ann, f"*{number}*")
    assert render_messages() == 120
    assert render_messages() == 0


def test_events_tell_the_whole_message(
    client: Client, job_context: JobContext, redis: Redis
) -> None:
    client.say(client.join("ann"), "*a*")
    render_messages()
    *_, (_, fields) = entries_of(redis, "ngw2f:events")
    assert fields[b"event"] == b"message.updated"
    assert json.loads(fields[b"data"]) == client.get("/api/messages/1").json


def test_clears_the_flag(
    client: Client, job_context: JobContext, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ngw2f.jobs.wakeup.FLAG_MILLISECONDS", 60_000)
    client.say(client.join("ann"), "a")
    assert redis.exists("ngw2f:bell:render")
    render_messages()
    assert not redis.exists("ngw2f:bell:render")


def test_job_waits_for_what_comes_while_it_runs(
    job_context: JobContext, redis: Redis, post_after_each_look: Callable[[int], None]
) -> None:
    post_after_each_look(5)
    redis.delete(queue_of(redis).key)
    assert render_messages() == 6
    # The next job was queued by the first who posted meanwhile.
    assert queue_of(redis).job_ids == [id_of(RENDER)]


def test_job_leaves_the_rest_to_the_next_one(
    job_context: JobContext,
    post_after_each_look: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    post_after_each_look(5)
    monkeypatch.setattr(module, "MAX_SECONDS", 0.0)
    assert render_messages() == 1
    assert render_messages() == 1


def test_job_that_must_stop_does_not_wait(
    job_context: JobContext,
    post_after_each_look: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    post_after_each_look(1)
    # Without `sleep`.
    clocks = SimpleNamespace(monotonic=time.monotonic, perf_counter=time.perf_counter)
    monkeypatch.setattr(module, "time", clocks)
    job_context.stopping.set()
    assert render_messages() == 2


def test_job_that_must_stop_leaves_the_rest(
    job_context: JobContext,
    post_after_each_look: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    post_after_each_look(5)
    monkeypatch.setattr(module, "MAX_SECONDS", 0.0)
    job_context.stopping.set()
    assert render_messages() == 1
