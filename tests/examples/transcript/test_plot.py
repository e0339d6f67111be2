import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from examples.transcript.plot import BAR_WIDTH, draw


@pytest.fixture
def drawn(tmp_path: Path) -> Callable[..., ET.Element]:
    """Give a function that draws and reads back what was drawn."""

    def read(panels: dict[str, dict[str, float]], **options: Any) -> ET.Element:
        draw(tmp_path / "it.svg", panels, **options)
        return ET.parse(tmp_path / "it.svg").getroot()

    return read


def texts(root: ET.Element) -> list[str | None]:
    return [element.text for element in root if element.tag.endswith("text")]


def test_longest_bar_is_the_scale(drawn: Callable[..., ET.Element]) -> None:
    root = drawn({"Bytes": {"a": 10, "b": 40}})
    widths = [element.get("width") for element in root if element.get("height") == "16"]
    assert widths == [f"{BAR_WIDTH / 4:.1f}", f"{BAR_WIDTH:.1f}"]


def test_names_and_figures_are_written(drawn: Callable[..., ET.Element]) -> None:
    root = drawn({"A & B": {"x<y": 1.5}}, style=".1f")
    assert texts(root) == ["A & B", "x<y", "1.5"]


def test_figures_of_nothing_are_drawn(drawn: Callable[..., ET.Element]) -> None:
    assert texts(drawn({"A": {"x": 0.0}})) == ["A", "x", "0.00"]
