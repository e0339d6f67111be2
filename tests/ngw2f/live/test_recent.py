from ngw2f.live.entry import Entry, EntryId
from ngw2f.live.recent import RecentEvents


def entry(number: int, size: int = 2) -> Entry:
    return Entry(EntryId(number), "typing", b"x" * size, None)


def fill(recent: RecentEvents, numbers: range, size: int = 2) -> RecentEvents:
    for number in numbers:
        recent.add(entry(number, size))
    return recent


def test_newest_is_the_floor_at_first() -> None:
    assert RecentEvents(EntryId(4)).newest == EntryId(4)


def test_after_gives_what_follows() -> None:
    recent = fill(RecentEvents(EntryId(0)), range(1, 6))
    assert [each.id.milliseconds for each in recent.after(EntryId(2), 10)] == [3, 4, 5]


def test_after_an_id_between_entries() -> None:
    recent = fill(RecentEvents(EntryId(0)), range(2, 10, 2))
    assert [each.id.milliseconds for each in recent.after(EntryId(3, 5), 2)] == [4, 6]


def test_after_the_newest_is_nothing() -> None:
    assert fill(RecentEvents(EntryId(0)), range(1, 4)).after(EntryId(3), 10) == []


def test_oldest_entries_go_first() -> None:
    recent = fill(RecentEvents(EntryId(0), max_entries=8), range(1, 20))
    assert recent.newest == EntryId(19)
    assert EntryId(10) <= recent.floor < EntryId(19)
    kept = recent.after(recent.floor, 100)
    assert [each.id.milliseconds for each in kept] == [*range(recent.floor.milliseconds + 1, 20)]


def test_bytes_are_bounded() -> None:
    recent = fill(RecentEvents(EntryId(0), max_bytes=1_000), range(1, 50), size=100)
    assert sum(len(each.data) for each in recent.after(recent.floor, 100)) <= 1_000


def test_one_entry_that_is_too_large_is_kept() -> None:
    recent = fill(RecentEvents(EntryId(0), max_bytes=10), range(1, 3), size=100)
    assert [each.id for each in recent.after(recent.floor, 10)] == [EntryId(2)]


def test_page_is_bounded_in_bytes() -> None:
    recent = fill(RecentEvents(EntryId(0)), range(1, 9), size=100)
    assert [each.id.milliseconds for each in recent.after(EntryId(2), 10, 250)] == [3, 4]
    assert [each.id.milliseconds for each in recent.after(EntryId(2), 10, 50)] == [3]
