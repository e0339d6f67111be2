"""Play a transcript: send the typed lines, and compare the output."""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from examples.transcript.names import filled
from examples.transcript.notation import Step, parse, shown, typed
from examples.transcript.reading import DeviationError, Reader
from examples.transcript.stage import Stage
from examples.transcript.terminals import Terminals

# Stops a job that was started with `&`.
JOB = re.compile(r"kill (-9 )?%(\d+)")


class Player:
    """One transcript on its stage; `tell` is called with each line that a person would see."""

    def __init__(self, stage: Stage, tell: Callable[[str], None]) -> None:
        self.stage = stage
        self.tell = tell
        self.terminals = Terminals(stage.ports)
        # The output of this terminal's command, until it is compared.
        self.output: Reader | None = None

    def play(self, steps: list[Step]) -> None:
        for step in steps:
            if self.output and step.kind not in ("seen", "words"):
                self.end_output()
            try:
                getattr(self, f"play_{step.kind}")(step.lines)
            except DeviationError as error:
                raise DeviationError(f"line {step.number + error.offset}: {error}") from error
            except (OSError, subprocess.TimeoutExpired) as error:
                raise DeviationError(f"line {step.number}: {error}") from error
            except ValueError as error:
                raise ValueError(f"line {step.number}: {error}") from error
        self.end_output()
        self.terminals.expect_nothing()

    def end_output(self) -> None:
        output, self.output = self.output, None
        if output:
            output.expect_nothing(is_closed=True)

    def play_words(self, lines: list[str]) -> None:
        self.tell("\n".join(lines))

    def play_needs(self, lines: list[str]) -> None:
        self.stage.check(lines[0])

    def play_command(self, lines: list[str]) -> None:
        command = filled(lines[0], self.stage.values)
        self.tell(f"$ {command}")
        words = command.split()
        if words[:1] == ["telnet"]:
            self.terminals.connect(command)
        elif words[-1:] == ["&"]:
            self.stage.start(command[:-1])
        elif job := JOB.fullmatch(command):
            self.stage.end(int(job[2]), at_once=bool(job[1]))
        else:
            self.output = Reader(received=self.stage.run(command))

    def play_typed(self, lines: list[str]) -> None:
        self.tell("\n".join(f"> {filled(line, self.stage.values)}" for line in lines))
        self.terminals.connection.send(typed(lines, self.stage.values))

    def play_seen(self, lines: list[str]) -> None:
        taken = (self.output or self.terminals).expect(lines, self.stage.values)
        self.tell("\n".join(f"< {line}" for line in shown(taken)))

    def play_closed(self, lines: list[str]) -> None:
        self.terminals.leave(is_closed=True)
        self.tell(lines[0])

    def play_quit(self, lines: list[str]) -> None:
        self.terminals.quit()
        self.tell(lines[0])

    def play_wait(self, lines: list[str]) -> None:
        self.tell(f"({lines[0]} seconds later)")
        time.sleep(float(lines[0]))

    def play_terminal(self, lines: list[str]) -> None:
        self.terminals.name = lines[0]
        self.tell(f"=== {lines[0]}")


def play(path: Path, tell: Callable[[str], None] = lambda _text: None) -> None:
    """Play a file. Raises `DeviationError`, `LackingError`, and `ValueError` for a bad file."""
    steps = list(parse(path.read_text(encoding="utf-8")))
    with Stage(path.absolute().parent) as stage:
        player = Player(stage, tell)
        try:
            player.play(steps)
        finally:
            player.terminals.close()
