"""What jobs do for a request that X-ray has recorded: one id from the request to the last event."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from redis import Redis

from ngw2f.broker.follow_ups import FollowUp
from ngw2f.jobs.context import JobContext
from ngw2f.jobs.links import fetch_links
from ngw2f.jobs.render import render_messages
from ngw2f.server.service import Service
from ngw2f.settings import Settings
from ngw2f.text.markdown import MarkdownRenderer
from tests.client import Client
from tests.entries import entries_of
from tests.ngw2f.jobs.conftest import WebSite


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, xray=True)


@pytest.fixture
def posted(client: Client) -> Callable[[str], str]:
    """Give a function that posts; the id of its recording is returned."""
    ann = client.join("ann")

    def post(source: str) -> str:
        client.say(ann, source)
        return str(client.get("/__xray__/all.json").json[0]["id"])

    return post


def recorded(client: Client, identity: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/__xray__/{identity}.json").json
    return found


def test_post_shows_its_job_and_its_events(
    client: Client, posted: Callable[[str], str], work: Callable[[], None], redis: Redis
) -> None:
    trace = recorded(client, posted("*hello*"))
    assert trace["facts"]["route"] == "/api/messages"
    assert trace["facts"]["endpoint"] == "ngw2f.web.messages.create"
    spans = {(span["kind"], span["detail"]): span["facts"] for span in trace["spans"]}
    assert ("action", "messages.post") in spans
    assert spans["job", "render_messages"]["queue"] == "ngw2f:render"
    assert spans["event", "message.created"]["room"] == "1"
    assert spans["redis", "EVALSHA"] == {}
    assert ("sql", "COMMIT") in spans
    assert any(detail.startswith("INSERT INTO messages ") for _, detail in spans)
    assert trace["later"] == []

    work()
    job, event = recorded(client, trace["id"])["later"]
    assert (job["kind"], job["detail"]) == ("job", "render_messages")
    assert 0 <= job["began"] < event["began"]
    assert job["facts"]["waited"].endswith(" ms")
    assert job["facts"]["message"] == "1"
    (newest, _) = entries_of(redis, "ngw2f:events")[-1]
    assert (event["detail"], f"{event['facts']['id']}-0") == ("message.updated", newest.decode())
    ladder = client.get(f"/__xray__/{trace['id']}").text
    assert " ms  event message.updated 0.00 ms id=" in ladder


def test_failed_rendering_is_shown(
    client: Client,
    posted: Callable[[str], str],
    job_context: JobContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_self: MarkdownRenderer, source: str) -> None:
        raise ZeroDivisionError(source)

    identity = posted("a")
    monkeypatch.setattr(type(job_context.markdown), "render", fail)
    with pytest.raises(ZeroDivisionError):
        render_messages()
    (job,) = recorded(client, identity)["later"]
    assert job["facts"]["failed"] == "ZeroDivisionError"


@pytest.mark.parametrize(("path", "failed"), [("/a", None), ("/gone", "LinkFailed")])
def test_link_and_its_event_are_shown(
    client: Client,
    posted: Callable[[str], str],
    job_context: JobContext,
    site: WebSite,
    path: str,
    failed: str | None,
) -> None:
    identity = posted(site.url(path))
    render_messages()
    fetch_links()
    _, _, link, *events = recorded(client, identity)["later"]
    assert (link["detail"], link["facts"].get("failed")) == ("link", failed)
    assert link["facts"]["site"] == f"127.0.0.1:{site.port}"
    assert [event["detail"] for event in events] == ([] if failed else ["message.updated"])


def test_what_comes_over_a_connection_is_followed(client: Client, redis: Redis) -> None:
    # Without a socket of gunicorn's it goes no further.
    answer = client.get("/ws", headers={"Upgrade": "websocket"}, status="*")
    assert redis.ttl(f"ngw2f:xray:{answer.headers['X-Request-ID']}") > 600
    answer = client.get("/api/messages")
    assert not redis.exists(f"ngw2f:xray:{answer.headers['X-Request-ID']}")


def test_nothing_is_kept_of_others(
    build: Callable[..., Service], job_context: JobContext, redis: Redis
) -> None:
    client = Client(build(xray=False))
    client.say(client.join("ann"), "a")
    assert render_messages() == 1
    assert not list(redis.scan_iter("*xray*"))


def test_what_is_kept_is_bounded(job_context: JobContext, redis: Redis) -> None:
    follow_ups = job_context.follow_ups
    assert follow_ups
    follow_ups.begin("a")
    entry = FollowUp("job", "b", 1.0, 0.0, {})
    for _ in range(30):
        follow_ups.add({"a": [entry] * 5, "c": [entry], "": [entry]})
    assert follow_ups.list("a") == [entry] * 100
    assert follow_ups.list("c") == []
    assert 0 < redis.ttl("ngw2f:xray:a") <= 600
    redis.flushdb()
    follow_ups.add({"": [entry]})
    assert follow_ups.list("a") == []
