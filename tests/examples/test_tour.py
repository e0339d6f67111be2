"""The tour: a picture, three questions and an experiment at each stop, and they are true."""

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from examples.demo import STEPS
from examples.pictures.__main__ import PICTURES
from examples.transcript.notation import parse
from examples.transcript.playing import Player
from examples.transcript.stage import Stage
from tests.examples.needs import lacking_as_in_transcripts

DIRECTORY = PICTURES.parents[1] / "examples"
TEXT = (PICTURES.parent / "tour.md").read_text(encoding="utf-8")
STOPS = dict(zip(STEPS, re.findall(r"(?ms)^## \d\. .*?(?=^## )", TEXT), strict=True))
SUMMARY = re.compile(r"<details><summary>(.+)</summary>")
EXPERIMENT = re.compile(
    r"\*\*Experiment\.\*\* [^<]*what\sdo\syou\sexpect\?\n\n((?: {4}.*\n)+)\n"
    r"<details><summary>What you see</summary>\n\n((?: {4}.*\n)+)"
)
# Two processors can wait for more than two things.
AT_A_TIME = 4


def lines_of(block: str) -> list[str]:
    return [line.removeprefix("    ") for line in block.splitlines()]


def test_first_screen_says_what_one_will_know_and_needs() -> None:
    screen = "\n".join(TEXT.splitlines()[:25])
    assert "At the end you know" in screen
    assert "You need" in screen


def test_tour_is_read_in_twenty_minutes() -> None:
    # A ladder is looked at, like a picture.
    assert len(re.sub(r"(?s)<!-- ladder.*?```text\n.*?```", "", TEXT).split()) <= 4000


@pytest.mark.parametrize("step", STEPS)
def test_stop_has_picture_questions_and_experiment(step: str) -> None:
    *questions, outcome = SUMMARY.findall(STOPS[step])
    assert f"](pictures/{STEPS.index(step) + 1}-{step}.svg)" in STOPS[step]
    assert len(questions) == 3
    assert all(question.endswith("?") for question in questions)
    assert outcome == "What you see"
    assert len(EXPERIMENT.findall(STOPS[step])) == 1


class Typist(Player):
    """Types what the experiment says, and keeps what its commands print."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage, lambda _text: None)
        self.printed = ""

    def play_command(self, lines: list[str]) -> None:
        super().play_command(lines)
        if self.output:
            self.printed += self.output.received.decode()
            self.output = None


def experiment(step: str) -> tuple[list[str], list[str]]:
    """Give what the commands of an experiment print, and what the tour says that they print."""
    found = EXPERIMENT.search(STOPS[step])
    assert found is not None
    commands, seen = map(lines_of, found.groups())
    with Stage(DIRECTORY / step) as stage:
        for need in ["nginx: apt install nginx", "curl: apt install curl"]:
            if need.partition(":")[0] in " ".join(commands):
                stage.check(need)
        stage.environ["TMPDIR"] = stage.scratch.name
        player = Typist(stage)
        try:
            player.play(list(parse("\n".join(commands))))
        finally:
            player.terminals.close()
    return player.printed.splitlines(), seen


@pytest.fixture(scope="module")
def experiments() -> Iterator[dict[str, Future[tuple[list[str], list[str]]]]]:
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        # The chat takes longest.
        yield {step: pool.submit(experiment, step) for step in reversed(STEPS)}


@pytest.mark.parametrize("step", STEPS)
def test_experiment_ends_as_the_tour_says(
    step: str, experiments: dict[str, Future[tuple[list[str], list[str]]]]
) -> None:
    with lacking_as_in_transcripts():
        printed, seen = experiments[step].result()
    assert printed == seen
