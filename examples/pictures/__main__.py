"""Draw the pictures of all stops, or of some: python -m examples.pictures [FOLDER [STOP...]]."""

import re
import sys
from collections.abc import Iterator
from itertools import dropwhile
from pathlib import Path

from examples.pictures.events import Event
from examples.pictures.playing import play
from examples.pictures.sequence import draw
from examples.pictures.stops import STOPS, Stop
from examples.transcript.reading import DeviationError
from examples.transcript.stage import LackingError

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
MAX_CHARACTERS = 96
# Ids of tasks, and of scripts in Redis.
LONG_ID = re.compile(r"\b([0-9a-f]{8})[0-9a-f-]{24,}\b")


def main(arguments: list[str]) -> None:
    directory = Path(arguments[0]) if arguments else PICTURES
    directory.mkdir(parents=True, exist_ok=True)
    for number, stop in enumerate(STOPS, 1):
        if stop.folder in arguments[1:] or not arguments[1:]:
            path = directory / f"{number}-{stop.folder}.svg"
            try:
                events = list(shown(stop, play(stop)))
            except (DeviationError, LackingError) as error:
                sys.exit(f"{stop.folder}: {error}")
            path.write_text(draw(stop.actors, events), encoding="utf-8")
            print(path, flush=True)


def shown(stop: Stop, events: list[Event]) -> Iterator[Event]:
    """Return the drawn events: from the first words on, without hidden lines, shortened."""
    for event in dropwhile(lambda event: event.source, events):
        if not event.source:
            yield event
        if not {event.source, event.target} <= set(stop.actors):
            continue
        lines = [line for line in event.lines if not (stop.hidden and re.match(stop.hidden, line))]
        if lines:
            yield event._replace(lines=[shortened(line) for line in lines])


def shortened(line: str) -> str:
    line = LONG_ID.sub(r"\1…", line)
    return line if len(line) <= MAX_CHARACTERS else line[: MAX_CHARACTERS - 1] + "…"


if __name__ == "__main__":
    main(sys.argv[1:])
