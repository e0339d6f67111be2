"""The events of a run, recorded by all of its processes in one file, and read in order."""

import json
import os
import time
from pathlib import Path
from typing import NamedTuple

# The path of a run's log, for all its processes.
LOG = "PICTURE_LOG"


class Event(NamedTuple):
    """Lines sent from one program to another; comments for the reader have no sender."""

    at: int
    source: str
    target: str
    lines: list[str]


class Log:
    """A file of events."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def tell(self, source: str, target: str, *lines: str) -> None:
        """Append an event. All processes of the machine share the clock."""
        line = json.dumps(Event(time.monotonic_ns(), source, target, list(lines))) + "\n"
        # A single append, so that processes do not write into each other's lines.
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, line.encode())
        os.close(file)

    def read(self) -> list[Event]:
        """Return the events in order; consecutive ones between the same two are merged."""
        events: list[Event] = []
        for event in sorted(
            Event(*json.loads(line)) for line in self.path.read_text().splitlines()
        ):
            if events and event.source and events[-1][1:3] == event[1:3]:
                events[-1].lines.extend(event.lines)
            else:
                events.append(event)
        return events


def log_of_run() -> Log:
    """Return the log of the run that this process was started for."""
    return Log(Path(os.environ[LOG]))
