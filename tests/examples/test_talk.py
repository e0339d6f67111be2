"""The slides of the talk: each has a time, and all of it is given in twenty minutes."""

import re
from pathlib import Path

from examples import talk

TALK = talk.ROOT / "docs" / "talk.md"


def test_slides_have_rising_times_within_twenty_minutes() -> None:
    _, *slides = TALK.read_text(encoding="utf-8").split("\n---\n")
    times = [re.search(r"(?m)^## .* — (\d+):(\d\d)$", slide) for slide in slides]
    seconds = [int(time[1]) * 60 + int(time[2]) for time in times if time]
    assert len(seconds) == len(slides)
    assert seconds == sorted(set(seconds))
    assert seconds[-1] < 20 * 60


def test_each_slide_becomes_a_section(tmp_path: Path) -> None:
    target = tmp_path / "build" / "talk.html"
    talk.main([str(TALK), str(target)])
    page = target.read_text(encoding="utf-8")
    assert page.count("<section>") == TALK.read_text(encoding="utf-8").count("\n---\n") + 1
    assert "<blockquote>" in page
