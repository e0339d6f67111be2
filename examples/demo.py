"""Walk through the steps, or show one step or aside: `python -m examples.demo [NAME]`.

A step is its README, then its transcripts, with a pause wherever there is something to say.
"""

import re
import sys
from contextlib import suppress
from pathlib import Path

from examples.transcript.__main__ import main as play

STEPS = ["http", "gunicorn", "wsgi", "middleware", "werkzeug", "flask", "slow", "live", "chat"]
# Not part of the nine steps; shown only by name.
ASIDES = ["front", "sessions", "commands", "steps", "servers", "queues", "toolbox", "socketio"]


def main(arguments: list[str]) -> int:
    """Return the worst status of the transcripts."""
    steps = [step_of(argument) for argument in arguments] or STEPS
    # Without a keyboard there is nobody to wait for.
    pauses = sys.stdin.isatty()
    if pauses:
        print("(Enter goes on, Ctrl-C ends it.)\n")
    return max(show(step, pauses=pauses) for step in steps)


def step_of(argument: str) -> str:
    """Find a step by name or number, or an aside; exit if there is none."""
    if argument.isdecimal() and 1 <= int(argument) <= len(STEPS):
        return STEPS[int(argument) - 1]
    if argument in STEPS + ASIDES:
        return argument
    names = [f"{number} {name}" for number, name in enumerate(STEPS, 1)] + ASIDES
    sys.exit(f"there is no step {argument}; there are {', '.join(names)}")


def show(step: str, *, pauses: bool) -> int:
    directory = Path(__file__).parent / step
    readme = (directory / "README.md").read_text(encoding="utf-8")
    print(readme)
    transcripts = [str(directory / name) for name in transcripts_of(readme)]
    return play([*(["--pause"] if pauses else []), *transcripts])


def transcripts_of(readme: str) -> list[str]:
    """Return the names in the order of the README."""
    return list(dict.fromkeys(re.findall(r"\w+\.telnet", readme)))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
    sys.exit(130)
