"""The site's parts, without Sphinx: `make docs` builds all of it."""

import importlib
import re
from pathlib import Path

import pytest

from docs.website.badges import PICTURES, badges
from docs.website.links import dead_links, missing_names
from docs.website.reference import pages, public_modules, public_names
from docs.website.staging import ROOT, DeadLinkError, for_site, page_paths, with_unique_headings

DIRECTIVE = re.compile(r"(?m)^:+\{py:(\w+)\} ([\w.]+)")


def test_every_public_name_is_described() -> None:
    described = set()
    for text in pages().values():
        module = ""
        for kind, name in DIRECTIVE.findall(text):
            if kind in {"module", "currentmodule"}:
                module = name
            described.add(f"{module}.{name}")
    missing = [
        f"{name}.{each}"
        for name in public_modules()
        for each in public_names(importlib.import_module(name))
        if f"{name}.{each}" not in described
    ]
    assert missing == []
    assert "middleware.cache.HTTPCacheMiddleware" in described
    assert len(described) > 500


def test_reference_says_what_the_code_says() -> None:
    text = pages()["middleware.cache"]
    assert "HTTPCacheMiddleware(app:" in text
    assert "- `collapse_seconds`: how long a request waits" in text
    # A field is described by the comment above it.
    assert "A stored Set-Cookie would give one visitor's cookie to all" in text


@pytest.mark.parametrize("page", page_paths(), ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    text, files = for_site(page)
    assert text
    assert all((ROOT / file).is_file() for file in files)


def test_link_that_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("docs.website.staging.ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(
        "[there](page.md) `[code](gone.md)` [away](https://example.org/gone)\n\n    [x](y)\n"
    )
    assert for_site(Path("page.md"))[0] == page.read_text()
    page.write_text("[gone](gone.md)")
    with pytest.raises(DeadLinkError, match=r"page\.md: gone\.md"):
        for_site(Path("page.md"))


def test_start_page_leads_to_every_page() -> None:
    entries = re.findall(r"(?m)^[\w./*-]+$", (ROOT / "docs" / "index.md").read_text())
    found = {path for entry in entries for path in (ROOT / "docs").glob(f"{entry}.md")}
    listed = {path.resolve() for path in found}
    assert {str(path) for path in page_paths() if (ROOT / path).resolve() not in listed} == {
        "docs/index.md"
    }


def test_headings_of_the_changelog_differ() -> None:
    text = "# Changelog\n\n## 0.2.0 - 2027\n\n### Added\n\n## 0.1.0 - 2026\n\n### Added\n"
    assert re.findall(r"### .*", with_unique_headings(text)) == [
        "### Added (0.2.0)", "### Added (0.1.0)",
    ]  # fmt: skip


def test_dead_link_of_the_built_site_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<h1 id="a">A</h1><a href="#a">a</a><a href="b.html#b">b</a><a href="https://x/">x</a>'
        '<a href="b.html#c">c</a><img src="gone.png">'
    )
    (tmp_path / "b.html").write_text('<h1 id="b">B</h1>')
    assert list(dead_links(tmp_path)) == [
        "a.html: b.html#c: no such heading", "a.html: gone.png: no such file",
    ]  # fmt: skip
    assert "not in the reference: middleware.cache.MemoryStore" in list(missing_names(tmp_path))


@pytest.mark.parametrize(("name", "text"), badges().items())
def test_badge_is_true(name: str, text: str) -> None:
    assert (PICTURES / name).read_text() == text
    assert f"docs/pictures/{name}" in (ROOT / "README.md").read_text()


def test_readme_is_a_screen() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 50
    assert max(len(line) for line in lines if "badge" not in line) <= 120


def test_every_benchmark_is_named() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    found = {
        path.stem for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text()
    }
    # Parts of `links` and `queue`.
    found -= {"site", "one_by_one"}
    assert {name for name in found if f"`{name}`" not in page} == set()
