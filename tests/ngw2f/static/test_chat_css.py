"""Colours that everybody can read (WCAG 2.2, 1.4.3)."""

import re
from pathlib import Path

import pytest

SHEET = (Path(__file__).parents[3] / "ngw2f/static/chat.css").read_text()
COLOUR = re.compile(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")
PALETTE = COLOUR.findall(SHEET)
LIGHT, DARK = ({name: pair[which] for name, *pair in PALETTE} for which in (0, 1))
PAIRS = [
    *((name, "code") for name in ("keyword", "name", "string", "number", "comment", "text")),
    *(("soft", on) for on in ("page", "surface", "raised", "hover")),
    *(("text", on) for on in ("page", "surface", "raised", "hover", "accent-soft")),
    *(("accent", on) for on in ("page", "surface", "accent-soft")),
    ("accent-text", "accent"),
    ("error", "error-soft"),
    ("error", "surface"),
]


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_contrast(colours: dict[str, str], text: str, ground: str) -> None:
    dark, light = sorted(luminance(colours[name]) for name in (text, ground))
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_hint_in_a_field_has_a_colour_of_ours() -> None:
    """Browsers have one grey for it, which cannot be read on a dark field."""
    assert re.search(r"::placeholder \{\s*color: var\(--soft\);", SHEET)
