import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

from examples import demo

REPOSITORY = Path(demo.__file__).parents[1]


@pytest.mark.parametrize(("argument", "step"), [("3", "wsgi"), ("wsgi", "wsgi"), ("9", "chat")])
def test_step_is_found_by_number_or_name(argument: str, step: str) -> None:
    assert demo.step_of(argument) == step


@pytest.mark.parametrize("argument", ["0", "10", "telnet"])
def test_unknown_step_is_told_with_those_there_are(argument: str) -> None:
    with pytest.raises(SystemExit, match="1 http, 2 gunicorn"):
        demo.step_of(argument)


def test_step_is_shown_without_a_keyboard() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "examples.demo", "3"], cwd=REPOSITORY, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert shown.startswith("# 3. WSGI")
    assert shown.count("every line as written") == 3


def test_transcripts_come_in_the_order_of_the_readme() -> None:
    readme = "Play:\n\n    python -m examples.transcript b.telnet a.telnet\n\n`a.telnet`: it\n"
    assert demo.transcripts_of(readme) == ["b.telnet", "a.telnet"]


def test_demo_installs_what_the_steps_need() -> None:
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg")
    lines = setup["options.extras_require"]["examples"].splitlines()
    names = {re.split(r"[<>=[]", line)[0] for line in lines if line and not line.startswith("#")}
    installed = (REPOSITORY / "requirements-examples.txt").read_text()
    assert {"flask", "tornado"} <= names
    assert all(f"\n{name}==" in installed for name in names)


def test_tour_leads_to_what_is_there() -> None:
    text = (REPOSITORY / "docs/tour.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    assert {f"../examples/{step}/" for step in demo.STEPS} <= set(links)
    assert all((REPOSITORY / "docs" / link).exists() for link in links)
