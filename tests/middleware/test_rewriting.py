from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware._wsgi import Headers
from middleware.rewriting import InsertBefore, RewritingMiddleware, Transformer
from tests.middleware.contract import Contract
from tests.middleware.serving import HTML, BrokenError, Exchange, TrackedBody, answering, serve


class Upper:
    """Make all letters big, one chunk late, and say so at the end."""

    def __init__(self) -> None:
        self.held = b""

    def feed(self, chunk: bytes) -> bytes:
        held, self.held = self.held, chunk
        return held.upper()

    def finish(self) -> bytes:
        return self.held.upper() + b"."


def upper(environ: WSGIEnvironment, status: str, headers: Headers) -> Transformer | None:
    return Upper()


def nothing(environ: WSGIEnvironment, status: str, headers: Headers) -> Transformer | None:
    return None


class Prompt(Upper):
    """The same, holding nothing back: the contract's first chunk has to send the headers."""

    def feed(self, chunk: bytes) -> bytes:
        return chunk.upper()


class TestContractRewritten(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return RewritingMiddleware(app, lambda environ, status, headers: Prompt())

    def expected(self, content: bytes) -> bytes:
        return content.upper() + b"."


class TestContractLeftAlone(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return RewritingMiddleware(app, nothing, vary=["Cookie"])


class TestContractOtherType(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return RewritingMiddleware(app, upper, content_types=["text/css"])


def served(
    *headers: tuple[str, str],
    status: str = "200 OK",
    body: Iterable[bytes] = (b"hello",),
    content_type: str = HTML,
    method: str = "GET",
    **options: Any,
) -> Exchange:
    """Serve a response through a middleware that makes all letters big."""
    fields = [("Content-Type", content_type)] if content_type else []
    app = answering(body, status, [*fields, *headers])
    return serve(RewritingMiddleware(app, upper, **options), method=method)


# Which responses are rewritten.


@pytest.mark.parametrize(
    ("content_type", "is_rewritten"),
    [
        ("text/html", True),
        ("Text/HTML ; charset=utf-8", True),
        ("application/xhtml+xml", False),
        ("text/html-sandboxed", False),
        ("", False),
    ],
)
def test_content_type_chooses(content_type: str, is_rewritten: bool) -> None:
    done = served(content_type=content_type)
    assert done.content == (b"HELLO." if is_rewritten else b"hello")


def test_content_types_are_an_option() -> None:
    done = served(content_type="text/css", content_types=["Text/CSS"])
    assert done.content == b"HELLO."


@pytest.mark.parametrize("status", ["404 Not Found", "500 Error", "200 OK"])
def test_pages_of_any_status_are_rewritten(status: str) -> None:
    assert served(status=status).content == b"HELLO."


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("206 Partial Content", [("Content-Range", "bytes 0-4/9")]),
        ("200 OK", [("Content-Encoding", "gzip")]),
        ("200 OK", [("Cache-Control", "public, No-Transform")]),
    ],
    ids=["part", "encoded", "no-transform"],
)
def test_left_alone(status: str, headers: Headers) -> None:
    etag = ("ETag", '"one"')
    done = served(*headers, etag, ("Content-Length", "5"), status=status)
    assert done.content == b"hello"
    assert done.headers == [("Content-Type", HTML), *headers, etag, ("Content-Length", "5")]


@pytest.mark.parametrize("status", ["103 Early Hints", "204 No Content", "205 Reset Content"])
def test_nothing_is_added_where_nothing_may_be(status: str) -> None:
    done = served(status=status, body=[])
    assert (done.content, done.header("Content-Type")) == (b"", HTML)


def test_other_cache_control_does_not_matter() -> None:
    assert served(("Cache-Control", "no-store"), ("X-Note", "no-transform")).content == b"HELLO."


def test_identity_is_no_encoding() -> None:
    assert served(("Content-Encoding", "Identity")).content == b"HELLO."


def test_second_line_names_an_encoding_too() -> None:
    codings = [("Content-Encoding", "identity"), ("Content-Encoding", "gzip")]
    assert served(*codings).content == b"hello"


def test_maker_may_decline() -> None:
    body = [b"hello"]
    app = answering(body, headers=[("Content-Type", HTML), ("Content-Length", "5")])
    exchange = Exchange().call(RewritingMiddleware(app, nothing))
    assert exchange.body is body
    assert exchange.header("Content-Length") == "5"


def test_maker_sees_request_and_response() -> None:
    seen: list[Any] = []

    def make(environ: WSGIEnvironment, status: str, headers: Headers) -> None:
        seen.extend([environ["PATH_INFO"], status, headers])

    serve(RewritingMiddleware(answering(status="404 Not Found"), make), "/x")
    assert seen == ["/x", "404 Not Found", [("Content-Type", HTML)]]


# Headers.


@pytest.mark.parametrize(
    "name", ["Content-Length", "Content-Digest", "Repr-Digest", "Content-MD5", "Accept-Ranges"]
)
def test_what_is_not_true_any_more_goes(name: str) -> None:
    assert served((name, "5")).header(name) is None


@pytest.mark.parametrize(("etag", "weak"), [('"a"', 'W/"a"'), ('W/"a"', 'W/"a"')])
def test_etag_becomes_weak(etag: str, weak: str) -> None:
    assert served(("ETag", etag)).header("ETag") == weak


def test_etag_of_a_304_is_that_of_the_200() -> None:
    done = served(("ETag", '"a"'), status="304 Not Modified", body=[], content_type="")
    assert done.header("ETag") == 'W/"a"'
    assert done.content == b""


@pytest.mark.parametrize("make", [upper, nothing])
@pytest.mark.parametrize("status", ["200 OK", "304 Not Modified"])
def test_response_varies_by_what_was_looked_at(make: Any, status: str) -> None:
    app = answering([], status, [("Content-Type", HTML), ("Vary", "Accept")])
    done = serve(RewritingMiddleware(app, make, vary=["Cookie", "X-Ray"]))
    assert done.header("Vary") == "Accept, Cookie, X-Ray"


def test_other_types_do_not_vary() -> None:
    assert served(content_type="text/css", vary=["Cookie"]).header("Vary") is None


def test_head_has_the_headers_and_no_end() -> None:
    fields = [("Content-Length", "5"), ("ETag", '"a"')]
    head = served(*fields, method="HEAD", body=[])
    assert (head.content, head.headers) == (b"", served(*fields).headers)


# Bodies.


def test_held_chunk_is_an_empty_one_meanwhile() -> None:
    done = served(body=TrackedBody(b"one,", b"two"))
    assert done.chunks == [b"", b"ONE,", b"TWO."]


def test_nothing_left_is_no_chunk() -> None:
    def make(environ: WSGIEnvironment, status: str, headers: Headers) -> Transformer:
        return InsertBefore(b"x", b"y")

    done = serve(RewritingMiddleware(answering(TrackedBody(b"one")), make))
    assert done.chunks == [b"one"]


def test_written_bytes_are_rewritten_too() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response("200 OK", [("Content-Type", HTML)])
        write(b"one,")
        return [b"two"]

    assert serve(RewritingMiddleware(app, upper)).content == b"ONE,TWO."


def test_error_page_is_rewritten_from_its_beginning() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", HTML)])
        yield b"lost"
        try:
            raise BrokenError
        except BrokenError:
            start_response("500 Error", [("Content-Type", HTML)], sys.exc_info())
        yield b"sorry"

    assert serve(RewritingMiddleware(app, upper)).content == b"SORRY."


def test_error_page_of_another_type_is_left_alone() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", HTML)])
        try:
            raise BrokenError
        except BrokenError:
            start_response("500 Error", [("Content-Type", "text/plain")], sys.exc_info())
        yield b"sorry"

    assert serve(RewritingMiddleware(app, upper)).content == b"sorry"


def test_end_is_given_once() -> None:
    body = RewritingMiddleware(answering([b"one"]), upper)(
        {**Exchange().environ}, Exchange().start_response
    )
    assert list(body) + list(body) == [b"", b"ONE."]


# The ready-made transformer.


def inserted(*chunks: bytes, or_at_end: bool = False) -> list[bytes]:
    transformer = InsertBefore(b"</body>", b"NEW", or_at_end=or_at_end)
    return [*(transformer.feed(chunk) for chunk in chunks), transformer.finish()]


@pytest.mark.parametrize(
    ("chunks", "out"),
    [
        ([b"a</body>b"], [b"aNEW</body>b", b""]),
        ([b"a</BoDy>b"], [b"aNEW</BoDy>b", b""]),
        ([b"a</bo", b"dy>b"], [b"a", b"NEW</body>b", b""]),
        ([b"a</body", b">"], [b"a", b"NEW</body>", b""]),
        ([b"a<", b"/", b"body>"], [b"a", b"", b"NEW</body>", b""]),
        ([b"a</bo", b"ld>"], [b"a", b"</bold>", b""]),
        ([b"a</bo", b"</body>"], [b"a", b"</boNEW</body>", b""]),
        ([b"</body>", b"</body>"], [b"NEW</body>", b"</body>", b""]),
        ([b"a</bo"], [b"a", b"</bo"]),
        ([], [b""]),
    ],
)
def test_insertion_stands_before_the_marker(chunks: list[bytes], out: list[bytes]) -> None:
    assert inserted(*chunks) == out


@pytest.mark.parametrize(
    ("chunks", "out"),
    [([b"a"], b"aNEW"), ([b"a</bo"], b"a</boNEW"), ([b"</body>b"], b"NEW</body>b"), ([], b"NEW")],
)
def test_insertion_may_go_to_the_end(chunks: list[bytes], out: bytes) -> None:
    assert b"".join(inserted(*chunks, or_at_end=True)) == out


@given(st.text(alphabet="<a/!", max_size=30).map(str.encode), st.lists(st.integers(0, 30)))
def test_borders_of_chunks_do_not_matter(content: bytes, cuts: list[int]) -> None:
    marker = b"</a"
    borders = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    transformer = InsertBefore(marker, b"NEW")
    out = [transformer.feed(content[start:end]) for start, end in pairwise(borders)]
    assert b"".join([*out, transformer.finish()]) == content.replace(marker, b"NEW</a", 1)


@pytest.mark.parametrize("marker", [b"", "é".encode()])
def test_bad_marker_is_refused(marker: bytes) -> None:
    with pytest.raises(ValueError, match="not a marker"):
        InsertBefore(marker, b"NEW")
