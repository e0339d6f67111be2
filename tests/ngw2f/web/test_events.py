from collections.abc import Iterator
from typing import cast

import gevent
import pytest
from werkzeug.test import create_environ

from middleware.access_log import COUNT
from ngw2f.http import Request
from ngw2f.live.entry import Entry, EntryId
from ngw2f.live.formats import ServerSentEvents
from ngw2f.live.subscription import Ending
from ngw2f.server.service import Service
from ngw2f.web import events
from tests.client import Client


def test_poll_that_does_not_wait_reads_what_was_missed(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.register("ann")
    hub = service.services.hub
    entries_after = hub.entries_after

    def read_from_afar(cursor: EntryId) -> list[Entry] | None:
        gevent.sleep(0.05)  # As PostgreSQL's driver waits for its answer.
        return entries_after(cursor)

    monkeypatch.setattr(hub, "entries_after", read_from_afar)
    answer = client.get("/api/events?after=0&wait=0", status=200).json
    assert [event["event"] for event in answer["events"]] == ["user.updated"]
    assert answer["next"] == answer["events"][-1]["id"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/event-stream;charset=utf-8", "text/event-stream"),
        ("text/event-stream;q=0.5", "text/event-stream"),
        ("Text/Event-Stream", "text/event-stream"),
        ("*/*", "text/event-stream"),
        ("text/*", "text/event-stream"),
        ("", "text/event-stream"),
        ("nonsense", "text/event-stream"),
        ("text/plain; charset=utf-8", "text/plain"),
        ("application/x-ndjson; charset=utf-8; q=0.2", "application/x-ndjson"),
        ("text/event-stream;q=0, */*", "application/x-ndjson"),
    ],
)
def test_stream_has_the_form_that_is_accepted(client: Client, accept: str, kind: str) -> None:
    head = client.head("/events", headers={"Accept": accept}, status=200)
    assert head.content_type == kind


@pytest.mark.parametrize("accept", ["image/png", "*/*;q=0", "text/html;charset=utf-8"])
def test_stream_has_no_other_form(client: Client, accept: str) -> None:
    refused = client.get("/events", headers={"Accept": accept}, status=406)
    assert "text/event-stream, application/x-ndjson, text/plain" in refused.text


def test_page_gets_markup_over_its_stream(client: Client, service: Service) -> None:
    client.say(client.join("ann"), "hello")
    environ = create_environ("/events?after=0&as=page", headers={"Accept": events.EVENT_STREAM})
    stream = events.stream(service.services, Request(environ))
    chunks = cast(Iterator[bytes], iter(stream.response))
    greeting, told = next(chunks), next(chunks)
    # Operators see by which transport it comes.
    assert service.services.hub.streams() == {"sse": 1}
    stream.close()
    assert greeting.startswith(b"retry: ")
    name, data = told.decode().strip().split("\n")[-2:]
    assert name == "event: message.created"
    assert 'id=\\"m1\\"' in data


def test_access_log_counts_what_is_written_past_the_chain(service: Service) -> None:
    class Writer:
        size = 0
        rest = None

    class Connection:
        writer: Writer | None = None

    counted: list[int] = []
    environ = create_environ("/events", headers={"Accept": events.EVENT_STREAM})
    connection = Connection()
    environ |= {events.SOCKET: connection, COUNT: counted.append}
    subscription = service.services.hub.subscribe(ServerSentEvents(), after="nonsense")
    stream = events.EventStream(subscription, environ)
    assert next(stream)
    assert subscription.writer is None
    # The server has sent the head and the first chunk.
    connection.writer = Writer()
    subscription.end(Ending.DRAINED)
    next(stream)
    assert subscription.writer is connection.writer
    connection.writer.size = 7
    stream.close()
    assert counted == [7]
