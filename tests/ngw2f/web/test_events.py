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
from ngw2f.server.chunk_writer import ChunkWriter
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


class Connection:
    """A connection as far as a stream knows it."""

    def __init__(self) -> None:
        self.writer: ChunkWriter | None = None
        self.sent: list[bytes] = []

    def sendall(self, content: memoryview) -> None:
        self.sent.append(content.tobytes())


@pytest.fixture
def connection() -> Connection:
    return Connection()


@pytest.fixture
def counted() -> list[int]:
    return []


@pytest.fixture
def stream(
    service: Service, connection: Connection, counted: list[int]
) -> Iterator[events.EventStream]:
    environ = create_environ("/events", headers={"Accept": events.EVENT_STREAM})
    environ |= {events.SOCKET: connection, COUNT: counted.append}
    stream = events.EventStream(service.services.hub.subscribe(ServerSentEvents()), environ)
    stream._subscription.say(b"first")
    stream._subscription.say(b"second")
    yield stream
    stream.close()


def test_access_log_counts_what_is_written_past_the_chain(
    stream: events.EventStream, connection: Connection, counted: list[int]
) -> None:
    assert next(stream) == b"first"
    assert stream._subscription.writer is None
    # The server has sent the head and the first chunk.
    connection.writer = ChunkWriter(-1, b"first")
    assert next(stream) == b"second"
    assert stream._subscription.writer is connection.writer
    connection.writer.size = 7
    stream.close()
    assert counted == [7]


def test_nothing_is_written_past_a_layer_that_changes_chunks(
    stream: events.EventStream, connection: Connection
) -> None:
    assert next(stream) == b"first"
    connection.writer = ChunkWriter(-1, b"compressed")
    assert next(stream) == b"second"
    assert stream._subscription.writer is None


def test_layer_that_leaves_out_empty_chunks_does_not_keep_a_rest_from_the_client(
    stream: events.EventStream, connection: Connection
) -> None:
    assert next(stream) == b"first"
    writer = connection.writer = ChunkWriter(-1, b"first")
    assert next(stream) == b"second"
    # The server would have sent it with the empty chunk.
    writer.rest = memoryview(b"rest")
    stream._subscription.end(Ending.DRAINED)
    assert next(stream).startswith(b"retry: ")
    assert connection.sent == [b"rest"]
    next(stream, None)
    assert connection.sent == [b"rest"]
