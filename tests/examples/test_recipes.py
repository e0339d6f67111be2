"""The recipes of docs/recipes.md and of the middleware's README: each is run, as written."""

import importlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

from middleware.cache import HTTPCacheMiddleware

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "examples" / "recipes"
FRAMEWORKS = ["flask", "django", "falcon", "wsgi"]


def programs_of(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page, re.DOTALL)


README = (ROOT / "packages/middleware/README.md").read_text()
PAGE = (ROOT / "docs/recipes.md").read_text()


@contextmanager
def recipe_of(framework: str) -> Iterator[Any]:
    """Give the module of a recipe. It stays: Django is configured once in a process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(RECIPES)
        yield importlib.import_module(f"with_{framework}")


@pytest.fixture(params=FRAMEWORKS)
def recipe(request: pytest.FixtureRequest) -> Iterator[Any]:
    with recipe_of(request.param) as module:
        yield module


def test_recipe(recipe: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Cache, drop by tag, limit, policy, ids: what a client and the log see of them."""
    recipe.notes.clear()
    recipe.note_changed()
    client = Client(recipe.application)
    with caplog.at_level(logging.INFO, "notes"):
        first, second = (client.get("/notes", buffered=True) for _ in range(2))
        assert "stored" in first.headers["Cache-Status"]
        assert "hit" in second.headers["Cache-Status"]
        assert second.json == []
        added = client.post("/notes", data=b"tea", content_type="text/plain")
        assert added.status_code == 204
        assert client.get("/notes").json == ["tea"]
        for response in (first, second, added):
            assert "img-src 'self' https:" in response.headers["Content-Security-Policy"]
        assert f"{added.headers['X-Request-ID']} added a note" in caplog.messages
        refused = [client.post("/notes", data=b"tea").status_code for _ in range(5)]
        assert refused == [204] * 4 + [429]


@pytest.mark.parametrize("program", programs_of(README))
def test_program_of_the_readme(program: str) -> None:
    with recipe_of("django"):  # It configures Django.
        names: dict[str, Any] = {"__name__": "app"}
        exec(program, names)
        assert isinstance(names["application"], HTTPCacheMiddleware)
        client = Client(names["application"])
        statuses = [client.get("/", buffered=True).headers["Cache-Status"] for _ in range(2)]
    assert "hit" in statuses[1] or "max-age" not in program
    assert len([line for line in program.splitlines() if line]) <= 5


def test_page_has_what_is_run() -> None:
    sources = [path.read_text() for path in sorted(RECIPES.glob("with_*.py"))]
    blocks = programs_of(PAGE)
    assert len(blocks) >= 4 + 5
    for block in blocks:
        assert any(block in source for source in sources), block
        assert len([line for line in block.splitlines() if line.strip()]) <= 7, block


def test_readme_of_the_middleware_is_a_screen() -> None:
    assert len(README.splitlines()) <= 80
    assert max(map(len, README.splitlines())) <= 120
    modules = set(re.findall(r"`middleware\.(\w+)`", README))
    assert all(importlib.import_module(f"middleware.{name}") for name in modules)
