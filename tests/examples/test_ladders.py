"""The ladders that the tour and the examples show are those that X-ray makes today."""

from pathlib import Path

import pytest

from examples.demo import STEPS
from examples.ladders.__main__ import TOUR, blocks_in, put, steady
from examples.ladders.asked import ASKED, EXAMPLES
from examples.ladders.made import ladder_of


@pytest.mark.parametrize("folder", ASKED)
def test_ladder_is_todays(folder: str) -> None:
    made = steady(ladder_of(folder))
    assert steady(blocks_in(EXAMPLES / folder / "README.md")[folder]) == made
    if folder in STEPS:
        assert steady(blocks_in(TOUR)[folder]) == made


def test_each_stop_that_runs_python_has_one() -> None:
    assert list(blocks_in(TOUR)) == [step for step in STEPS if step != "http"]


def test_ladder_is_put_where_another_is(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    before = "A\n<!-- ladder: wsgi -->\nold:\n\n```text\n   1.00  page\n```\nB\n"
    path.write_text(before)
    put(path, "wsgi", "   2.00  page\n")
    assert path.read_text() == before
    put(path, "wsgi", "   2.00  other\n")
    assert blocks_in(path) == {"wsgi": "   2.00  other\n"}
    assert path.read_text().startswith("A\n<!-- ladder: wsgi -->\nX-ray of it, an answer")
    assert path.read_text().endswith("```\nB\n")
