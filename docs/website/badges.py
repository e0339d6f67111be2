"""The README's badges: `python -m docs.website.badges` draws them. A test holds them true."""

import json
from pathlib import Path

from tests.matrix.pythons import VERSIONS

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
LETTER = 6.6
BADGE = """<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="20" role="img" \
aria-label="{label} {value}">
<title>{label} {value}</title>
<rect width="{left:.0f}" height="20" rx="3" fill="#444"/>
<rect x="{left:.0f}" width="{right:.0f}" height="20" rx="3" fill="#0b5cad"/>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
<text x="{half_left:.0f}" y="14">{label}</text><text x="{half_right:.0f}" y="14">{value}</text>
</g>
</svg>
"""


def badges() -> dict[str, str]:
    """Return the text of each badge's file, by its name."""
    results = json.loads((ROOT / "tests" / "conformance" / "results.json").read_text())
    required = [outcome for kind, outcome, *_ in results.values() if kind == "required"]
    facts = {
        "python": ("Python", f"{VERSIONS[0]} or newer"),
        "cache": ("HTTP cache tests", f"{required.count('pass')}/{len(required)}"),
        "types": ("types", "mypy --strict"),
        "licence": ("licence", "MIT"),
    }
    return {f"badge-{name}.svg": drawn(*fact) for name, fact in facts.items()}


def drawn(label: str, value: str) -> str:
    left, right = (LETTER * len(text) + 14 for text in (label, value))
    return BADGE.format(
        label=label, value=value, left=left, right=right, width=left + right,
        half_left=left / 2, half_right=left + right / 2,
    )  # fmt: skip


if __name__ == "__main__":
    for name, text in badges().items():
        (PICTURES / name).write_text(text, encoding="utf-8")
