"""Draw a sequence diagram in SVG: a column for each program, time runs down."""

import textwrap
from collections.abc import Iterator, Sequence
from html import escape

from examples.pictures.columns import MARGIN, WIDTH, columns_of, width_of
from examples.pictures.events import Event

TOP, LINE = 44, 15
# Characters of words in a line.
WORDS_WIDTH = 108
STYLE = """
svg { background: #fff; color: #1b4d7a; font: 13px sans-serif; }
text { fill: currentColor; stroke: #fff; stroke-width: 4px; paint-order: stroke; }
.said { font: 11px monospace; white-space: pre; }
.name { font-weight: bold; text-anchor: middle; }
.words { font-style: italic; }
line, path { stroke: currentColor; }
.life { opacity: .3; }
.ground { fill: #fff; }
@media (prefers-color-scheme: dark) {
  svg { background: #10161d; color: #a9cdf0; }
  text { stroke: #10161d; }
  .ground { fill: #10161d; }
}
"""
ARROW = '<marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8"'
ARROW += ' orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" fill="context-stroke"/></marker>'


class Picture:
    """The parts of a picture, and its current height."""

    def __init__(self, actors: Sequence[str], events: Sequence[Event]) -> None:
        self.columns = dict(zip(actors, columns_of(actors, events), strict=True))
        # Which of two spoke first; the other one answers.
        self.askers: dict[frozenset[str], str] = {}
        self.parts: list[str] = []
        self.y = TOP

    def draw(self, event: Event) -> None:
        if event.source:
            self.draw_arrow(event)
        else:
            self.draw_words(event.lines[0])

    def draw_words(self, words: str) -> None:
        self.y += 8
        self.parts += self.text(MARGIN, textwrap.wrap(words, WORDS_WIDTH), "words")

    def draw_arrow(self, event: Event) -> None:
        begin, end = self.columns[event.source], self.columns[event.target]
        left = max(MARGIN, min(min(begin, end) + 8, WIDTH - MARGIN - width_of(event)))
        self.y += 6
        self.parts += self.text(left, event.lines, "said")
        self.y += 7
        asker = self.askers.setdefault(frozenset(event[1:3]), event.source)
        style = "" if asker == event.source else ' stroke-dasharray="5 3"'
        path = f"M{begin} {self.y}H{end}"
        self.parts.append(f'<path d="{path}" fill="none" marker-end="url(#arrow)"{style}/>')

    def text(self, x: float, lines: list[str], kind: str) -> Iterator[str]:
        for line in lines:
            self.y += LINE
            place = f'class="{kind}" x="{x:.0f}" y="{self.y}"'
            yield f"<text {place}>{escape(line, quote=False)}</text>"

    def __str__(self) -> str:
        bottom = self.y + 20
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom}"'
        head += f' width="{WIDTH}" height="{bottom}" role="img">\n<style>{STYLE}</style>'
        lines = [head, ARROW, '<rect class="ground" width="100%" height="100%"/>']
        for name, x in self.columns.items():
            lines.append(
                f'<line class="life" x1="{x}" y1="{TOP - 12}" x2="{x}" y2="{bottom - 8}"/>'
            )
            lines.append(f'<text class="name" x="{x}" y="{TOP - 20}">{escape(name)}</text>')
        return "\n".join([*lines, *self.parts, "</svg>", ""])


def draw(actors: Sequence[str], events: Sequence[Event]) -> str:
    picture = Picture(actors, events)
    for event in events:
        picture.draw(event)
    return str(picture)
