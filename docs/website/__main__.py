"""Build the site: `python -m docs.website [DIRECTORY]`, by default build/site.

Needs requirements-docs.txt. A warning of Sphinx, a dead link, and a public name of `middleware/`
that is nowhere, end it with an error.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import build_main

from docs.website.links import dead_links, missing_names
from docs.website.staging import ROOT, stage

HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    site = Path(arguments[0] if arguments else ROOT / "build" / "site")
    shutil.rmtree(site, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="ngw2f-site-") as name:
        source = Path(name)
        stage(source)
        shutil.copy(HERE / "site.css", source)
        shutil.copy(HERE / "conf.py", source)
        shutil.copy(ROOT / "ngw2f" / "static" / "icon.svg", source)
        options = [
            "--quiet",
            "--fail-on-warning",
            "--keep-going",
            "--doctree-dir",
            f"{name}/.trees",
        ]
        status: int = build_main([*options, "-b", "html", str(source), str(site)])
    # The start page stands where a browser looks for it.
    (site / "index.html").write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>NGW2F</title>'
        '<meta http-equiv="refresh" content="0; url=docs/index.html">'
        '<a href="docs/index.html">NGW2F</a></html>\n'
    )
    for page in site.rglob("*.html"):
        # furo gives the captions of its sidebar a role, but not its level.
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace('role="heading"', 'role="heading" aria-level="2"'))
    wrong = [*dead_links(site), *missing_names(site)]
    sys.stderr.writelines(f"{line}\n" for line in wrong)
    if not status and not wrong:
        sys.stdout.write(f"{site / 'index.html'}\n")
    return status or bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
