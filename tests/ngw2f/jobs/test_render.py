import json

from ngw2f.jobs.render import render_messages


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
