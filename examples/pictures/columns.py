"""Place a picture's columns so that the texts between them fit."""

from collections.abc import Sequence

from examples.pictures.events import Event

WIDTH, MARGIN, EDGE = 760, 12, 60
# The minimum distance of columns, which leaves room for texts.
MIN_GAP = 92
# The width of a character, with some room.
MONOSPACE = 6.7


def width_of(event: Event) -> float:
    return max(map(len, event.lines)) * MONOSPACE


def columns_of(actors: Sequence[str], events: Sequence[Event]) -> list[int]:
    """Return the columns' positions: even, but with room for the texts right of each."""
    gap = (WIDTH - 2 * EDGE) / (len(actors) - 1)
    columns = [EDGE + number * gap for number in range(len(actors))]
    for event in filter(lambda event: event.source, events):
        left = min(actors.index(event.source), actors.index(event.target))
        wanted = WIDTH - MARGIN - 8 - width_of(event)
        if left and wanted < columns[left]:
            gap = max(MIN_GAP, (wanted - EDGE) / left)
            columns[: left + 1] = [
                min(x, EDGE + n * gap) for n, x in enumerate(columns[: left + 1])
            ]
    return [round(x) for x in columns]
