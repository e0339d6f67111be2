"""Walk through the steps, or one of them: `python -m examples.demo [STEP]`.

A step is its README, then its transcripts, with a pause wherever there is something to say.
"""

import sys
from pathlib import Path

from examples.transcript.__main__ import main as play

STEPS = ["http", "gunicorn", "wsgi", "middleware", "werkzeug", "flask", "slow", "live", "chat"]


def main(arguments: list[str]) -> int:
    """Give the worst status of the transcripts."""
    steps = [step_of(argument) for argument in arguments] or STEPS
    return max(show(step) for step in steps)


def step_of(argument: str) -> str:
    """Find a step by its name or number; end the program if there is none."""
    if argument.isdecimal() and 1 <= int(argument) <= len(STEPS):
        return STEPS[int(argument) - 1]
    if argument in STEPS:
        return argument
    names = ", ".join(f"{number} {name}" for number, name in enumerate(STEPS, 1))
    sys.exit(f"there is no step {argument}; there are {names}")


def show(step: str) -> int:
    directory = Path(__file__).parent / step
    print((directory / "README.md").read_text(encoding="utf-8"))
    transcripts = [str(path) for path in sorted(directory.glob("*.telnet"))]
    # Where nobody sits at a keyboard, nobody is waited for.
    return play([*(["--pause"] if sys.stdin.isatty() else []), *transcripts])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
