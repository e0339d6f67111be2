from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from middleware.chain import Layer
from middleware.xray import Fault, Trace, lint, record
from middleware.xray.streams import MAX_CLOSERS
from tests.middleware.serving import (
    BrokenError,
    Exchange,
    TrackedBody,
    answering,
    serve,
    without_write,
)

OUTER = [Layer("outer", lambda app: lambda *given: app(*given), "")]
OUTER_TWO = [Layer("outer two", lambda app: lambda *given: app(*given), "")]


def after_reading(read: Any, **environ: Any) -> tuple[Trace, bytes]:
    """Run a request whose application reads its body so."""
    got: list[bytes] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        got.append(read(environ["wsgi.input"]))
        return answering()(environ, start_response)

    recorded = record(app, OUTER)
    data = {"method": "POST", "data": b"a=1\nb=2\n", **environ}
    serve(recorded, **data)
    return recorded.trace, got[0]


def read_into(stream: Any) -> bytes:
    buffer = bytearray(8)
    stream.readinto(buffer)
    return bytes(buffer)


@pytest.mark.parametrize(
    "read",
    [
        lambda stream: stream.read(8),
        lambda stream: stream.readline() + stream.readline(20),
        lambda stream: b"".join(stream.readlines()),
        lambda stream: b"".join(stream),
        read_into,
    ],
    ids=["read", "readline", "readlines", "iteration", "readinto"],
)
def test_every_way_to_read_is_counted(read: Any) -> None:
    trace, content = after_reading(read)
    assert content == b"a=1\nb=2\n"
    assert trace.layer("application").input_bytes == 8
    assert trace.layer("outer").input_bytes == 0
    assert lint(trace) == []


@pytest.mark.parametrize(
    "read",
    [
        lambda stream: stream.read(),
        lambda stream: stream.read(-1),
        lambda stream: stream.read(9),
        lambda stream: stream.read(4) + stream.read(5),
        lambda stream: stream.readinto(bytearray(9)) and b"",
    ],
    ids=["no size", "minus one", "too much", "then too much", "readinto"],
)
def test_reading_past_the_end_is_a_fault(read: Any) -> None:
    trace, _ = after_reading(read)
    assert [(f.layer, f.code) for f in lint(trace)] == [("application", "input-past-end")]


def test_server_may_know_the_end_itself() -> None:
    trace, _ = after_reading(
        lambda stream: stream.read(), environ_overrides={"wsgi.input_terminated": True}
    )
    assert lint(trace) == []


def test_length_of_too_many_digits_passes() -> None:
    trace, content = after_reading(
        lambda stream: stream.read(3), environ_overrides={"CONTENT_LENGTH": "9" * 5000}
    )
    assert content == b"a=1"
    assert lint(trace) == []


def test_what_the_stream_has_else_is_there() -> None:
    _, content = after_reading(lambda stream: str(stream.tell()).encode())
    assert content == b"0"


def test_input_put_in_by_a_layer_is_recorded_too() -> None:
    def replacing(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            environ["wsgi.input"] = BytesIO(b"other")
            environ["CONTENT_LENGTH"] = "5"
            return app(environ, start)

        return layer

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return answering([environ["wsgi.input"].read(5)])(environ, start_response)

    recorded = record(app, [Layer("replacing", replacing, "")])
    assert serve(recorded).content == b"other"
    assert recorded.trace.layer("application").input_bytes == 5
    assert "wsgi.input" in recorded.trace.layer("replacing").environ_changes.changed


def test_list_read_after_its_close_is_noted() -> None:
    recorded = record(answering([b"one"]))
    exchange = Exchange().call(recorded)
    exchange.close()
    exchange.step()
    assert [note.code for note in recorded.trace.root.notes] == ["read-after-close"]


def test_layer_may_take_the_first_chunk_of_an_iterator() -> None:
    """Without `iter()`, which returns the iterator itself."""
    recorded = record(answering(iter([b"one", b"two"])), OUTER)
    exchange = Exchange().call(recorded)
    body: Any = exchange.body
    assert next(body) == b"one"
    assert [*body] == [b"two"]
    assert lint(recorded.trace) == []


def test_layers_that_pass_a_body_on_share_one() -> None:
    recorded = record(answering(TrackedBody(b"one", b"two")), [*OUTER, *OUTER_TWO])
    exchange = Exchange().call(recorded)
    assert len(exchange.body.visits) == 3  # type: ignore[attr-defined]
    while exchange.step():
        pass
    exchange.close()
    visits = recorded.trace.visits
    assert [(visit.chunks, visit.bytes, visit.is_whole) for visit in visits] == [(2, 6, True)] * 3
    assert [visit.closed_by for visit in visits] == [("server",), ("outer",), ("outer two",)]
    assert recorded.trace.closed_once()


def test_body_of_another_layer_is_recorded_anew() -> None:
    kept: list[Any] = []

    def keeping(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            kept.append(app(environ, start))
            return kept[-1]  # type: ignore[no-any-return]

        return layer

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        return kept[0] if kept else answering(TrackedBody(b"one"))(environ, start)

    recorded = record(app, [Layer("keeping", keeping, "")])
    Exchange().call(recorded)
    second = Exchange()
    second.starts.append(("200 OK", []))
    assert second.run(recorded).content == b"one"
    assert recorded.trace.layer("app").chunks == 1


def run_leniently(body: Any) -> tuple[list[Fault], Any]:
    """Return the faults of an application with this body, and what the server got for it."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return body  # type: ignore[no-any-return] # It is not as it should be.

    recorded = record(app, OUTER)
    got: Any = recorded(Exchange().environ, lambda *given: lambda chunk: None)
    return lint(recorded.trace), got


def test_no_body_at_all_is_a_fault() -> None:
    faults, got = run_leniently(None)
    assert [(fault.layer, fault.code) for fault in faults] == [("application", "body-type")]
    assert got is None


def test_text_as_a_body_is_a_fault_and_passes() -> None:
    faults, got = run_leniently("text")
    assert [(fault.layer, fault.code) for fault in faults] == [("application", "body-type")]
    assert list(got) == ["t", "e", "x", "t"]


def test_list_of_text_is_a_fault() -> None:
    faults, _ = run_leniently(["text"])
    assert [(fault.layer, fault.code) for fault in faults] == [("application", "chunk-type")]


def test_body_of_known_size_keeps_it() -> None:
    class Sized(TrackedBody):
        def __len__(self) -> int:
            return len(self.chunks)

    _, got = run_leniently(Sized(b"one", b"two"))
    assert len(got) == 2
    _, got = run_leniently(TrackedBody(b"one"))
    assert not hasattr(got, "__len__")


def test_body_that_only_counts_its_items_passes() -> None:
    class Old:
        def __getitem__(self, index: int) -> bytes:
            return (b"one", b"two")[index]

    _, got = run_leniently(Old())
    assert list(got) == [b"one", b"two"]


def test_error_in_close_is_recorded() -> None:
    class Broken(TrackedBody):
        def close(self) -> None:
            raise BrokenError

    recorded = record(answering(Broken()))
    with pytest.raises(BrokenError):
        serve(recorded)
    assert [error.phase for error in recorded.trace.root.raised] == [2]
    assert recorded.trace.is_done


def test_server_without_write_is_no_fault() -> None:
    recorded = record(answering(), OUTER)
    serve(without_write(recorded))
    assert lint(recorded.trace) == []


def test_write_of_text_is_a_fault() -> None:
    def app(environ: WSGIEnvironment, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])("text")
        return []

    recorded = record(app, OUTER)
    recorded(Exchange().environ, lambda *given: lambda chunk: None)
    assert [(f.layer, f.code) for f in lint(recorded.trace)] == [("application", "chunk-type")]


def test_number_of_closers_is_bounded() -> None:
    recorded = record(answering(TrackedBody()))
    exchange = serve(recorded)
    for _ in range(MAX_CLOSERS + 5):
        exchange.close()
    assert len(recorded.trace.root.closed_by) == MAX_CLOSERS
    assert recorded.trace.root.close_calls == MAX_CLOSERS + 6


def test_bytes_changed_are_seen_by_their_checksum() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield from (b"one", b"two")

    def rechunking(app: WSGIApplication) -> WSGIApplication:
        return lambda *given: (chunk for pair in app(*given) for chunk in (pair[:1], pair[1:]))

    recorded = record(app, [*OUTER, Layer("rechunking", rechunking, "")])
    serve(recorded)
    outer, rechunked, inner = recorded.trace.visits
    assert (rechunked.chunks, inner.chunks) == (4, 2)
    assert outer.checksum == rechunked.checksum == inner.checksum


def answering_list(chunks: list[Any]) -> WSGIApplication:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return chunks

    return app


def test_list_is_as_wrong_wherever_it_passes() -> None:
    layers = [Layer(str(number), lambda app: lambda *given: app(*given), "") for number in range(3)]
    recorded = record(answering_list([b"a", "b"]), layers)
    Exchange().call(recorded)
    visits = recorded.trace.visits
    assert [visit.chunks for visit in visits[1:]] == [2, 2, 2]
    assert [[note.code for note in visit.notes] for visit in visits[1:]] == [["chunk-type"]] * 3


def test_list_that_a_layer_changes_in_place_is_counted_again() -> None:
    def changing(app: WSGIApplication) -> WSGIApplication:
        def layer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            body: Any = app(environ, start)
            body[0] = b"changed"
            return body  # type: ignore[no-any-return]

        return layer

    layers = [Layer("outer", lambda app: lambda *given: app(*given), "")]
    layers += [Layer("changing", changing, "")]
    recorded = record(answering_list([b"a"]), layers)
    Exchange().call(recorded)
    assert [visit.bytes for visit in recorded.trace.visits[1:]] == [7, 1]


def test_proxy_of_a_body_without_a_length_has_none() -> None:
    """As those of wrapt have, which ddtrace returns."""

    class Proxy:
        def __init__(self, body: Iterable[bytes]) -> None:
            self.body = body

        def __iter__(self) -> Iterator[bytes]:
            return iter(self.body)

        def __len__(self) -> int:
            return len(self.body)  # type: ignore[arg-type]

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Proxy(iter([b"one"]))

    assert serve(record(app)).content == b"one"
