import json
import time
from types import SimpleNamespace

import pytest

from ngw2f.jobs import render as module
from ngw2f.jobs.outbox import Outbox
from ngw2f.jobs.render import render_messages
from ngw2f.jobs.wakeup import RENDER
from tests.queues import id_of, queue_of


@pytest.fixture
def post_after_each_look(client, monkeypatch):
    """Give a function that has so many messages posted, one after each look at the outbox."""
    monkeypatch.setattr("ngw2f.jobs.wakeup.FLAG_MILLISECONDS", 60_000)
    monkeypatch.setattr(module, "MAX_SECONDS", 60.0)
    ann, render_batch, left = client.join("ann"), Outbox.render_batch, []

    def render_then_post(outbox, render, exclude_ids):
        batch = render_batch(outbox, render, exclude_ids)
        if left:
            client.say(ann, left.pop())
        return batch

    def begin(count):
        client.say(ann, "the first")
        left.extend(str(number) for number in range(count))
        monkeypatch.setattr(Outbox, "render_batch", render_then_post)

    return begin


def test_all_that_waits(client, job_context):
    ann = client.join("ann")
    for number in range(120):
        client.say(ann, f"*{number}*")
    assert render_messages() == 120
    assert render_messages() == 0


def test_events_tell_the_whole_message(client, job_context, redis):
    client.say(client.join("ann"), "*a*")
    render_messages()
    *_, (_, fields) = redis.xrange("ngw2f:events")
    assert fields[b"event"] == b"message.updated"
    assert json.loads(fields[b"data"]) == client.get("/api/messages/1").json


def test_clears_the_flag(client, job_context, redis, monkeypatch):
    monkeypatch.setattr("ngw2f.jobs.wakeup.FLAG_MILLISECONDS", 60_000)
    client.say(client.join("ann"), "a")
    assert redis.exists("ngw2f:bell:render")
    render_messages()
    assert not redis.exists("ngw2f:bell:render")


def test_job_waits_for_what_comes_while_it_runs(job_context, redis, post_after_each_look):
    post_after_each_look(5)
    redis.delete(queue_of(redis).key)
    assert render_messages() == 6
    # The next job was queued by the first who posted meanwhile.
    assert queue_of(redis).job_ids == [id_of(RENDER)]


def test_job_leaves_the_rest_to_the_next_one(job_context, post_after_each_look, monkeypatch):
    post_after_each_look(5)
    monkeypatch.setattr(module, "MAX_SECONDS", 0.0)
    assert render_messages() == 1
    assert render_messages() == 1


def test_job_that_must_stop_does_not_wait(job_context, post_after_each_look, monkeypatch):
    post_after_each_look(1)
    # Without `sleep`.
    clocks = SimpleNamespace(monotonic=time.monotonic, perf_counter=time.perf_counter)
    monkeypatch.setattr(module, "time", clocks)
    job_context.stopping.set()
    assert render_messages() == 2
