"""docs/caches.md: a line for each probe and each cache that `python -m benchmarks.caches` tries."""

from benchmarks.caches.__main__ import BEGIN, CACHES, END, PAGE
from benchmarks.caches.probes import PROBES
from benchmarks.caches.servers import APPLICATIONS

TEXT = PAGE.read_text(encoding="utf-8")


def rows_of(name: str) -> list[list[str]]:
    table = TEXT.partition(BEGIN.format(name))[2].partition(END.format(name))[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_every_probe_has_its_line() -> None:
    heading, _, *lines, total = rows_of("features")
    assert heading == ["what", "RFC", *CACHES]
    assert [line[:2] for line in lines] == [[what, clause] for what, clause, _ in PROBES]
    counted = [[line[column] for line in lines].count("yes") for column in range(2, len(heading))]
    assert total == [f"of {len(PROBES)}", "", *map(str, counted)]


def test_ours_does_all_that_is_asked() -> None:
    assert all(line[2:4] == ["yes", "yes"] for line in rows_of("features")[2:-1])


def test_every_cache_has_its_speed() -> None:
    lines = rows_of("speed")[2:]
    assert [line[0] for line in lines] == list(APPLICATIONS)
    ratio = {line[0]: float(line[1]) for line in lines}
    # A hit out of Redis comes at half the rate of one out of memory, or more.
    assert ratio["ours, memory"] / ratio["ours, Redis"] >= 0.5
