"""Compare two answers to one request, line by line."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import NamedTuple

from examples.middleware.asking import Run

# Dates and request ids differ for reasons other than the chain.
EACH_TIME = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT|(?i:(?<=^x-request-id: ).*)")
CONTEXT_LINES = 3


class Row(NamedTuple):
    """A line of the previous answer beside one of the current answer, or None.

    `kind` is one of same, gone, new, changed; or gap, where equal lines are left out.
    """

    kind: str
    before: str | None = None
    now: str | None = None


class Difference(NamedTuple):
    """All rows of status and headers, and the differing rows of the body with some context."""

    head: list[Row]
    body: list[Row]

    @property
    def verdict(self) -> str:
        """Say in a few words what differs."""
        kinds = Counter(row.kind for row in [*self.head, *self.body])
        parts = [f"{kinds[kind]} {kind}" for kind in ("gone", "new", "changed") if kinds[kind]]
        return f"Different lines: {', '.join(parts)}." if parts else "No difference."


def compare(before: Run, now: Run) -> Difference:
    head = aligned(head_lines(before), head_lines(now), without_what_varies)
    body = aligned(before.body.splitlines(), now.body.splitlines())
    return Difference(list(head), list(folded(list(body))))


def head_lines(run: Run) -> list[str]:
    return [run.status, *(f"{name}: {value}" for name, value in run.headers)]


def without_what_varies(line: str) -> str:
    return EACH_TIME.sub("...", line)


def aligned(
    before: Sequence[str], now: Sequence[str], key: Callable[[str], str] = str
) -> Iterator[Row]:
    """Align two lists of lines; lines with the same key are equal."""
    matcher = SequenceMatcher(None, [*map(key, before)], [*map(key, now)], autojunk=False)
    for operation, start, end, now_start, now_end in matcher.get_opcodes():
        for old, new in zip_longest(before[start:end], now[now_start:now_end]):
            if operation == "equal":
                yield Row("same", old, new)
            else:
                yield Row("new" if old is None else "gone" if new is None else "changed", old, new)


def folded(all_rows: Sequence[Row]) -> Iterator[Row]:
    """Leave out equal rows, except next to differing ones."""
    differ = [place for place, row in enumerate(all_rows) if row.kind != "same"]
    near = {p + i for p in differ for i in range(-CONTEXT_LINES, CONTEXT_LINES + 1)}
    was_near = True
    for place, row in enumerate(all_rows):
        if place in near:
            yield row
        elif was_near:
            yield Row("gap")
        was_near = place in near
