"""Draw figures as bars, in SVG: a panel for each kind of figure, a bar for each name."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

NAME_WIDTH, BAR_WIDTH, VALUE_WIDTH, LINE = 170, 380, 70, 22


def draw(path: Path, panels: Mapping[str, Mapping[str, float]], style: str = ".2f") -> None:
    """Write a file with the panels below each other, each scaled to its longest bar."""
    parts: list[str] = []
    top = 0
    for title, figures in panels.items():
        top += 2 * LINE
        parts.append(f'<text x="10" y="{top - 6}" font-weight="bold">{escape(title)}</text>')
        for name, figure in figures.items():
            width = max(1.0, BAR_WIDTH * figure / (max(figures.values()) or 1))
            before, behind = NAME_WIDTH - 8, NAME_WIDTH + width + 6
            parts += [
                f'<text x="{before}" y="{top + 15}" text-anchor="end">{escape(name)}</text>',
                f'<rect x="{NAME_WIDTH}" y="{top + 3}" width="{width:.1f}" height="16"/>',
                f'<text x="{behind:.1f}" y="{top + 15}">{figure:{style}}</text>',
            ]
            top += LINE
    size = f"{NAME_WIDTH + BAR_WIDTH + VALUE_WIDTH} {top + 10}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}"'
    head += ' font-family="sans-serif" font-size="13" fill="#1b4d7a">'
    ground = '<rect width="100%" height="100%" fill="white"/>'
    path.write_text("\n".join([head, ground, *parts, "</svg>", ""]), encoding="utf-8")
