from __future__ import annotations

from collections.abc import Iterator

import pytest

from middleware.cache.filling import Fill, FillingBody
from middleware.cache.stores.memory import MemoryBodyWriter
from tests.middleware.serving import BrokenError


class Filling:
    """A body with its fill, and what became of it."""

    def __init__(
        self,
        *chunks: bytes,
        expected: int | None = None,
        limit: int = 100,
        silent: bool = False,
        finish_seconds: float = 10,
        error: Exception | None = None,
    ) -> None:
        self.stored: bytes | None = None
        self.aborted: list[bool] = []
        self.closes = 0
        self.chunks = chunks
        self.error = error
        fill = Fill(
            MemoryBodyWriter(), expected, limit, on_commit=self.commit, on_abort=self.aborted.append
        )
        self.body = FillingBody(
            self, iter(self), fill, finish_seconds=finish_seconds, silent=silent
        )

    def commit(self, writer: object) -> None:
        assert isinstance(writer, MemoryBodyWriter)
        body = writer.finish()
        self.stored = b"".join(body.pieces(0, body.size))

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.closes += 1


def test_body_of_unknown_length_is_stored_before_its_last_chunk() -> None:
    filling = Filling(b"one", b"two")
    assert [next(filling.body), next(filling.body)] == [b"", b"one"]
    assert filling.stored is None
    assert next(filling.body) == b"two"
    assert filling.stored == b"onetwo"
    assert list(filling.body) == []


def test_body_of_known_length_is_not_held_back() -> None:
    filling = Filling(b"one", b"two", expected=6)
    assert next(filling.body) == b"one"
    assert filling.stored is None
    assert next(filling.body) == b"two"
    assert filling.stored == b"onetwo"
    assert list(filling.body) == []


def test_empty_body_is_stored() -> None:
    filling = Filling()
    assert list(filling.body) == []
    assert filling.stored == b""


@pytest.mark.parametrize("expected", [5, 7], ids=["too long", "too short"])
def test_body_of_another_length_is_not_stored(expected: int) -> None:
    filling = Filling(b"one", b"two", expected=expected)
    assert b"".join(filling.body) == b"onetwo"
    assert filling.stored is None
    assert filling.aborted == [expected == 5]


def test_body_above_the_limit_goes_on_unstored() -> None:
    filling = Filling(b"one", b"two", b"three", limit=5)
    assert b"".join(filling.body) == b"onetwothree"
    assert filling.stored is None
    assert filling.aborted == [True]


def test_broken_body_is_not_stored() -> None:
    filling = Filling(b"one", error=BrokenError())
    with pytest.raises(BrokenError):
        list(filling.body)
    filling.body.close()
    assert (filling.stored, filling.aborted, filling.closes) == (None, [False], 1)


@pytest.mark.parametrize("taken", [0, 1])
def test_rest_is_read_when_the_client_leaves(taken: int) -> None:
    filling = Filling(b"one", b"two", b"three")
    for _ in range(taken):
        next(filling.body)
    filling.body.close()
    assert (filling.stored, filling.closes) == (b"onetwothree", 1)


def test_rest_of_known_length_is_read_when_the_client_leaves() -> None:
    filling = Filling(b"one", b"two", expected=6)
    filling.body.close()
    assert (filling.stored, filling.closes) == (b"onetwo", 1)


def test_reading_on_has_an_end() -> None:
    filling = Filling(b"one", b"two", finish_seconds=0)
    filling.body.close()
    assert (filling.stored, filling.aborted, filling.closes) == (None, [False], 1)


def test_error_while_reading_on_still_closes() -> None:
    filling = Filling(b"one", error=BrokenError())
    with pytest.raises(BrokenError):
        filling.body.close()
    assert (filling.stored, filling.aborted, filling.closes) == (None, [False], 1)


def test_silent_body_is_stored_and_gives_nothing() -> None:
    filling = Filling(b"one", b"two", silent=True)
    assert list(filling.body) == []
    assert filling.stored == b"onetwo"


def test_held_chunk_can_be_forgotten() -> None:
    filling = Filling(b"one", b"two")
    assert [next(filling.body), next(filling.body)] == [b"", b"one"]
    filling.body.forget_held()
    assert list(filling.body) == []


def test_adding_after_the_end_does_nothing() -> None:
    stored: list[bytes] = []
    fill = Fill(
        MemoryBodyWriter(),
        3,
        10,
        on_commit=lambda writer: stored.extend(writer.finish().pieces(0, 3)),
        on_abort=lambda _: stored.append(b"aborted"),
    )
    fill.add(b"one")
    fill.add(b"more")
    fill.end()
    fill.abort()
    assert stored == [b"one"]


class BrokenWriter(MemoryBodyWriter):
    def write(self, chunk: bytes) -> None:
        raise BrokenError


@pytest.mark.parametrize("expected", [None, 6])
@pytest.mark.parametrize("step", ["write", "commit"])
def test_error_of_the_store_does_not_reach_the_client(
    expected: int | None, step: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(writer: object) -> None:
        raise BrokenError

    aborted: list[bool] = []
    writer = BrokenWriter() if step == "write" else MemoryBodyWriter()
    fill = Fill(writer, expected, 100, on_commit=fail, on_abort=aborted.append)
    body = FillingBody([], iter([b"one", b"two"]), fill, finish_seconds=0)
    assert b"".join(body) == b"onetwo"
    body.close()
    assert (aborted, caplog.text.count("could not be stored")) == ([False], 1)
