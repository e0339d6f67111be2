"""Play a transcript: type what is typed, and compare what comes."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

from examples.transcript.names import filled
from examples.transcript.notation import Step, parse, shown, typed
from examples.transcript.reading import DeviationError, Reader
from examples.transcript.stage import Stage


class Player:
    """One transcript on its stage; `tell` is given each line that a person would see."""

    def __init__(self, stage: Stage, tell: Callable[[str], None]) -> None:
        self.stage = stage
        self.tell = tell
        self.terminal = ""
        self.connections: dict[str, Reader] = {}
        # What a command of this terminal has printed, until it is compared.
        self.output: Reader | None = None

    def play(self, steps: list[Step]) -> None:
        for step in steps:
            if self.output and step.kind not in ("seen", "words"):
                self.end_output()
            try:
                getattr(self, f"play_{step.kind}")(step.lines)
            except DeviationError as error:
                raise DeviationError(f"line {step.number}: {error}") from error
        self.end_output()
        for connection in self.connections.values():
            connection.expect_nothing(is_closed=False)

    def end_output(self) -> None:
        output, self.output = self.output, None
        if output:
            output.expect_nothing(is_closed=True)

    def play_words(self, lines: list[str]) -> None:
        self.tell("\n".join(lines))

    def play_needs(self, lines: list[str]) -> None:
        self.stage.check(lines[0])

    def play_command(self, lines: list[str]) -> None:
        self.stage.give_ports(lines[0])
        command = filled(lines[0], self.stage.values)
        self.tell(f"$ {command}")
        words = command.split()
        if words[0] == "telnet":
            self.hang_up()
            connection = socket.create_connection((words[1], int(words[2])), 10)
            self.connections[self.terminal] = Reader(connection)
        elif words[-1] == "&":
            self.stage.start(command[:-1])
        else:
            self.output = Reader(received=self.stage.run(command))

    def play_typed(self, lines: list[str]) -> None:
        self.tell("\n".join(f"> {filled(line, self.stage.values)}" for line in lines))
        self.connections[self.terminal].send(typed(lines, self.stage.values))

    def play_seen(self, lines: list[str]) -> None:
        reader = self.output or self.connections[self.terminal]
        taken = reader.expect(lines, self.stage.values)
        self.tell("\n".join(f"< {line}" for line in shown(taken)))

    def play_closed(self, lines: list[str]) -> None:
        self.hang_up(is_closed=True)
        self.tell(lines[0])

    def play_quit(self, lines: list[str]) -> None:
        self.connections.pop(self.terminal).close()
        self.tell(lines[0])

    def hang_up(self, *, is_closed: bool = False) -> None:
        """Leave the connection of this terminal, if there is one; nothing may be unread."""
        if reader := self.connections.get(self.terminal):
            reader.expect_nothing(is_closed=is_closed)
            reader.close()
            del self.connections[self.terminal]

    def play_wait(self, lines: list[str]) -> None:
        self.tell(f"({lines[0]} seconds later)")
        time.sleep(float(lines[0]))

    def play_terminal(self, lines: list[str]) -> None:
        self.terminal = lines[0]
        self.tell(f"=== {self.terminal}")


def play(path: Path, tell: Callable[[str], None] = lambda _text: None) -> None:
    """Play a file. Raises `DeviationError`, `LackingError`, and `ValueError` for a bad file."""
    steps = list(parse(path.read_text(encoding="utf-8")))
    with Stage(path.absolute().parent) as stage:
        player = Player(stage, tell)
        try:
            player.play(steps)
        finally:
            for reader in player.connections.values():
                reader.close()
