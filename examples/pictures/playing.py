"""Play a stop with taps on the wire, and return what happened."""

import json
import time
from pathlib import Path

from examples.pictures import hooks
from examples.pictures.applications import APP, NAMES
from examples.pictures.events import LOG, Event, Log
from examples.pictures.stops import Stop, Wire
from examples.pictures.taps import Tap
from examples.transcript.notation import parse
from examples.transcript.playing import Player
from examples.transcript.stage import Stage
from examples.transcript.terminals import Terminals

EXAMPLES = Path(__file__).parents[1]
QUIET_SECONDS = 0.2


class TappedTerminals(Terminals):
    """Terminals with a tap on each of their connections."""

    def __init__(self, stage: Stage, log: Log, servers: dict[str, str]) -> None:
        super().__init__(stage.ports)
        self.log, self.servers = log, servers

    def connect(self, command: str) -> None:
        telnet, host, written = command.split()
        wire = Wire(self.name or telnet, self.servers[written])
        tap = Tap(self.log, wire, int(self.ports[written]))
        super().connect(f"{telnet} {host} {tap.port}")


class TappedPlayer(Player):
    """A player that also records comments and waits."""

    def __init__(self, stage: Stage, log: Log, servers: dict[str, str]) -> None:
        super().__init__(stage, lambda _text: None)
        self.log = log
        self.terminals = TappedTerminals(stage, log, servers)

    def play_words(self, lines: list[str]) -> None:
        if words := " ".join(line.lstrip("# ") for line in lines).strip():
            # Events still in flight belong to the previous step.
            time.sleep(QUIET_SECONDS)
            self.log.tell("", "", words)

    def play_wait(self, lines: list[str]) -> None:
        super().play_wait(lines)
        self.log.tell("", "", f"{lines[0]} seconds later")


def play(stop: Stop) -> list[Event]:
    """Return the events of a run. Raises what playing a transcript raises."""
    steps = list(parse(stop.transcript.read_text(encoding="utf-8")))
    with Stage(EXAMPLES / stop.folder) as stage:
        log = Log(Path(stage.scratch.name) / "events")
        stage.environ |= {LOG: str(log.path), APP: stop.app}
        stage.environ |= {NAMES: json.dumps(stop.names), hooks.CALLS: json.dumps(stop.calls)}
        if stop.names:
            stage.environ["GUNICORN_CMD_ARGS"] += f" --config {hooks.__file__}"
        for wire in stop.wires:
            Tap(log, wire, int(stage.ports[wire.behind]), int(stage.ports[wire.port]))
        player = TappedPlayer(stage, log, stop.servers)
        try:
            player.play(steps)
        finally:
            player.terminals.close()
        return log.read()
