"""Draw when each layer of a request was at work, as SVG."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from middleware.xray.text import cut_to
from middleware.xray.trace import Trace
from middleware.xray.visit import CALL, Visit

WIDTH = 780
NAMES = 210
NAME_CHARACTERS = 30
# Of work within other work.
INDENT = 10
MAX_INDENT = 6 * INDENT
ROW = 22
MINIMUM = 1.5


def waterfall(trace: Trace) -> str:
    """Return a picture: a row for each visit, from its call to its last byte; spans below it.

    The bar is the time until the layer returned, the thin line the time until its last byte.
    """
    rows = [*rows_of(trace)]
    first = min([begin for _, _, _, begin, _, _ in rows], default=0.0)
    total = max([end - first for *_, end in rows], default=0.0) or 1e-6
    height = ROW * (len(rows) + 1)
    title = escape(f"{trace.method} {trace.path}: when each layer was at work")
    box = f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {box}><title>{title}</title>']
    for number, (kind, depth, name, begin, middle, end) in enumerate(rows):
        x, y = min(INDENT * depth, MAX_INDENT), ROW * number
        left = NAMES + (begin - first) / total * (WIDTH - NAMES)
        bar = max(MINIMUM, (middle - begin) / total * (WIDTH - NAMES))
        line = max(bar, (end - begin) / total * (WIDTH - NAMES))
        parts += [
            f'<text x="{x}" y="{y + 15}">{escape(cut_to(name, NAME_CHARACTERS - x // 6))}</text>',
            f'<rect class="line" x="{left:.1f}" y="{y + 10}" width="{line:.1f}" height="2"/>',
            f'<rect class="{kind}" x="{left:.1f}" y="{y + 5}" width="{bar:.1f}" height="12"/>',
        ]
    parts += [f'<text x="{NAMES}" y="{height - 6}">0</text>']
    parts += [f'<text x="{WIDTH}" y="{height - 6}" text-anchor="end">{total * 1000:.2f} ms</text>']
    return "".join([*parts, "</svg>"])


def rows_of(trace: Trace) -> Iterator[tuple[str, int, str, float, float, float]]:
    """Return each row's kind, depth and name, and when it began, returned and ended."""
    for server in trace.outside:
        passed = server.began + (server.seconds or 0.0)
        yield "layer", 0, server.kind, server.began, passed, max(passed, trace.seconds or 0.0)
    for visit in trace.visits:
        returned = visit.returned
        if returned is None:
            # It raised an exception, or still runs.
            returned = visit.called + visit.times[CALL]
        yield "layer", 0, visit.name, visit.called, returned, max(returned, end_of(visit))
        for span in trace.spans:
            if span.layer == visit.name:
                end = span.began + (span.seconds or 0.0)
                name = f"{span.kind} {span.detail}"
                yield "span", 1 + span.depth, name, span.began, end, end


def end_of(visit: Visit) -> float:
    return visit.called if visit.last_byte is None else visit.last_byte
