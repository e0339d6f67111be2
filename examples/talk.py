"""Make slides of docs/talk.md: python -m examples.talk [TALK.md] [SLIDES.html].

A horizontal rule starts a slide; a quotation is for the speaker.
"""

import sys
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
STYLE = """
section { box-sizing: border-box; min-height: 100vh; padding: 6vh 8vw; font-size: 2.6vmin;
          border-bottom: 1px solid; break-after: page; }
section h1, section h2 { font-size: 2em; }
section pre { font-size: 1em; }
section blockquote { opacity: .7; font-style: italic; }
"""


def page_of(markdown: str, style: str) -> str:
    """Return the slides as one page, with a section for each."""
    slides = markdown.split("\n---\n")
    render = MarkdownIt("commonmark").enable("table").render
    sections = [f"<section>\n{render(slide)}</section>" for slide in slides]
    head = '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Talk</title>'
    return "\n".join([head, f"<style>{style}</style>", *sections, "</html>", ""])


def main(arguments: list[str]) -> None:
    defaults = [ROOT / "docs/talk.md", ROOT / "build/talk.html"]
    given = [Path(argument) for argument in arguments]
    source, target = given + defaults[len(given) :]
    chat_style = (ROOT / "ngw2f/static/chat.css").read_text(encoding="utf-8")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page_of(source.read_text(encoding="utf-8"), chat_style + STYLE), "utf-8")
    print(target)


if __name__ == "__main__":
    main(sys.argv[1:])
