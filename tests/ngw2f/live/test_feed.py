import pytest

from ngw2f.live.entry import Entry, EntryId
from ngw2f.live.feed import ENTRY_BYTES, MAX_CHUNK_BYTES, MAX_JOINED, Feed
from ngw2f.live.formats import JSONLines


def entry(number: int, size: int = 2) -> Entry:
    return Entry(EntryId(number), "typing", b'"%s"' % (b"x" * size), None)


def feed_of(*entries: Entry, max_bytes: int = 1 << 20) -> Feed:
    feed = Feed(JSONLines(), frozenset(), EntryId(0), max_bytes)
    for each in entries:
        feed.add(each)
    return feed


def test_take_joins_all_that_gathered() -> None:
    feed = feed_of(entry(1), entry(2), entry(3))
    chunk, position = feed.take(1)
    assert chunk == entry(2).frame(feed.form) + entry(3).frame(feed.form)
    assert position == feed.end == 3


def test_equal_positions_get_the_same_bytes() -> None:
    feed = feed_of(entry(1), entry(2))
    assert feed.take(0)[0] is feed.take(0)[0]


def test_later_entries_are_joined_anew() -> None:
    feed = feed_of(entry(1))
    feed.take(0)
    feed.add(entry(2))
    assert feed.take(0)[1] == 2


def test_many_small_entries_count_as_the_memory_that_they_take() -> None:
    feed = feed_of(*(entry(number) for number in range(1, 101)), max_bytes=10 * ENTRY_BYTES)
    assert 0 < feed.end - feed.start <= 10


def test_large_chunks_are_cut_between_frames() -> None:
    feed = feed_of(*(entry(number, 50_000) for number in range(1, 5)))
    chunk, position = feed.take(0)
    assert len(chunk) <= MAX_CHUNK_BYTES
    assert position == 2
    assert chunk.endswith(b"\n")


def test_one_frame_larger_than_a_chunk_goes_out() -> None:
    feed = feed_of(entry(1, MAX_CHUNK_BYTES + 1), entry(2))
    assert feed.take(0)[1] == 1


def test_dropped_position_is_an_error() -> None:
    feed = feed_of(*(entry(number, 100) for number in range(1, 50)), max_bytes=1_000)
    with pytest.raises(LookupError):
        feed.take(0)
    assert feed.take(feed.start)[1] == feed.end


def test_bytes_are_bounded() -> None:
    feed = feed_of(*(entry(number, 100) for number in range(1, 50)), max_bytes=1_000)
    assert len(feed.take(feed.start)[0]) <= 1_000


def test_id_before_a_position() -> None:
    feed = feed_of(entry(5), entry(7))
    assert [feed.id_before(position) for position in range(3)] == [
        EntryId(0), EntryId(5), EntryId(7),
    ]  # fmt: skip


def test_ids_survive_dropping() -> None:
    feed = feed_of(*(entry(number, 100) for number in range(1, 50)), max_bytes=1_000)
    assert feed.id_before(feed.end) == EntryId(49)
    assert feed.id_before(feed.start) == EntryId(feed.start)


def test_few_chunks_are_kept_for_slow_readers() -> None:
    feed = feed_of(*(entry(number) for number in range(1, 101)))
    for position in range(100):
        feed.take(position)
    assert len(feed._joined) <= MAX_JOINED
