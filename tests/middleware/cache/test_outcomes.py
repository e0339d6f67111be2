from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.middleware.cache.around import (
    LASTING,
    Client,
    after_a_good_answer,
    fail_with,
    request,
)
from tests.middleware.serving import (
    Exchange,
    without_write,
)


def test_two_writes_arrive_in_order() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", LASTING)
        write(b"one,")
        write(b"two,")
        return [b"three"]

    client = Client(app)
    assert [client.ask().content for _ in range(2)] == [b"one,two,three"] * 2


def test_what_cannot_be_written_is_an_error_and_not_stored() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", LASTING)(b"one,")
        return [b"two"]

    client = Client(app)
    for _ in range(2):
        with pytest.raises(TypeError, match="write"):
            Exchange(request()).run(without_write(client.cache))


def test_error_after_an_empty_write_replaces_the_answer() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", LASTING)(b"")
        fail_with(start_response)
        return [b"sorry"]

    client = Client(app)
    done = client.ask()
    assert (done.status, done.content) == ("500 Error", b"sorry")
    assert client.store.lookup("http://localhost/")[0].entries == ()


def test_error_after_an_empty_chunk_of_an_unstored_answer() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Cache-Control", "no-store")])
        yield b""
        fail_with(start_response)
        yield b"sorry"

    done = Client(app).ask(If_None_Match='"a"')
    assert (done.status, done.content) == ("500 Error", b"sorry")


def test_error_after_a_stale_answer_was_chosen_changes_nothing() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("503 Error", [])(b"oh")
        fail_with(start_response)(b"no")
        return [b"sorry"]

    done = after_a_good_answer(app).ask()
    assert (done.status, done.content) == ("200 OK", b"hello")


def test_error_after_a_304_was_chosen_changes_nothing() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", LASTING)
        yield b"hel"
        fail_with(start_response)
        yield b"sorry"

    client = Client(app)
    done = client.ask(If_None_Match='"a"')
    assert (done.status, done.content) == ("304 Not Modified", b"")
    assert client.store.lookup("http://localhost/")[0].entries == ()
