from ngw2f.live.entry import Entry, EntryId
from ngw2f.live.recent import Ring


def entry(number: int, size: int = 2) -> Entry:
    return Entry(EntryId(number), "typing", b"x" * size, None)


def fill(ring: Ring, numbers: range, size: int = 2) -> Ring:
    for number in numbers:
        ring.add(entry(number, size))
    return ring


def test_newest_is_the_floor_at_first() -> None:
    assert Ring(EntryId(4)).newest == EntryId(4)


def test_after_gives_what_follows() -> None:
    ring = fill(Ring(EntryId(0)), range(1, 6))
    assert [each.id.milliseconds for each in ring.after(EntryId(2), 10)] == [3, 4, 5]


def test_after_an_id_between_entries() -> None:
    ring = fill(Ring(EntryId(0)), range(2, 10, 2))
    assert [each.id.milliseconds for each in ring.after(EntryId(3, 5), 2)] == [4, 6]


def test_after_the_newest_is_nothing() -> None:
    assert fill(Ring(EntryId(0)), range(1, 4)).after(EntryId(3), 10) == []


def test_oldest_entries_go_first() -> None:
    ring = fill(Ring(EntryId(0), max_entries=8), range(1, 20))
    assert ring.newest == EntryId(19)
    assert EntryId(10) <= ring.floor < EntryId(19)
    kept = ring.after(ring.floor, 100)
    assert [each.id.milliseconds for each in kept] == [*range(ring.floor.milliseconds + 1, 20)]


def test_bytes_are_bounded() -> None:
    ring = fill(Ring(EntryId(0), max_bytes=1_000), range(1, 50), size=100)
    assert sum(len(each.data) for each in ring.after(ring.floor, 100)) <= 1_000


def test_one_entry_that_is_too_large_is_kept() -> None:
    ring = fill(Ring(EntryId(0), max_bytes=10), range(1, 3), size=100)
    assert [each.id for each in ring.after(ring.floor, 10)] == [EntryId(2)]


def test_page_is_bounded_in_bytes() -> None:
    ring = fill(Ring(EntryId(0)), range(1, 9), size=100)
    assert [each.id.milliseconds for each in ring.after(EntryId(2), 10, 250)] == [3, 4]
    assert [each.id.milliseconds for each in ring.after(EntryId(2), 10, 50)] == [3]
