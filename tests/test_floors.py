"""What may import what: a wrong import of each kind fails `lint-imports` (setup.cfg)."""

import json
import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
# Floors that speak HTTP: `http` itself and all above.
LOWEST_WITH_HTTP = "http"

FLOORS = "Each floor of the chat knows only those below it, and every module has a floor"
HTTP = "Nothing below the web knows HTTP"
APART = "The middleware knows nothing of the chat"
MIDDLEWARES = "A middleware knows another only where it builds on it"
CIRCLES = "No imports go round in a circle"
PACKAGES = "No module imports the package that imports it"

FOR_TYPES = """
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import {}
"""


class Plant(NamedTuple):
    path: str
    text: str
    contract: str


PLANTS = {
    "nothing wrong": Plant("ngw2f/settings.py", "", ""),
    "upwards": Plant("ngw2f/text/plain.py", "import ngw2f.store.rooms", FLOORS),
    "upwards, in a function": Plant(
        "ngw2f/store/rooms.py", "def f():\n    from ngw2f.live import hub", FLOORS
    ),
    "upwards, for types": Plant(
        "ngw2f/live/hub.py", FOR_TYPES.format("ngw2f.web.services"), FLOORS
    ),
    "between the lowest": Plant("ngw2f/settings.py", "import ngw2f.api_resources", FLOORS),
    "http.py below the web": Plant("ngw2f/jobs/render.py", "import ngw2f.http", HTTP),
    "Werkzeug below the web": Plant(
        "ngw2f/live/hub.py", "from werkzeug.exceptions import NotFound", HTTP
    ),
    "circle": Plant("ngw2f/live/subscription.py", "import ngw2f.live.hub", CIRCLES),
    "circle for types": Plant(
        "ngw2f/live/entry.py", FOR_TYPES.format("ngw2f.live.hub"), CIRCLES
    ),
    "circle in the middleware": Plant(
        "middleware/cache/dates.py", FOR_TYPES.format("middleware.cache.middleware"), CIRCLES
    ),
    "circle through a package": Plant(
        "middleware/prerouting/health.py", "from middleware.prerouting import Rule", PACKAGES
    ),
    "module on no floor": Plant("ngw2f/desk.py", "", FLOORS),
    "package on no floor": Plant("ngw2f/desk/__init__.py", "", FLOORS),
    "middleware in no layer": Plant("middleware/desk.py", "", MIDDLEWARES),
    "middleware that knows the chat": Plant(
        "middleware/chain.py", FOR_TYPES.format("ngw2f.settings"), APART
    ),
    "middleware that knows Werkzeug": Plant("middleware/chain.py", "import werkzeug", APART),
    "middleware that knows another": Plant(
        "middleware/security.py", "import middleware.access_log", MIDDLEWARES
    ),
}  # fmt: skip


# What stays of the report on a contract, whether or not it also says how many it ignored.
BROKEN = re.compile(r"^(.+) BROKEN\b", re.MULTILINE)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is checked."""
    copy = tmp_path_factory.mktemp("tree")
    shutil.copy(ROOT / "setup.cfg", copy)
    for package in ("ngw2f", "middleware"):
        for source in (ROOT / package).rglob("*.py"):
            target = copy / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return copy


@pytest.fixture(scope="module")
def reports(tree: Path) -> dict[str, str]:
    """What import-linter says with each plant."""
    plants = [(plant.path, plant.text) for plant in PLANTS.values()]
    environ = os.environ | {"PYTHONPATH": str(tree)}
    command = [sys.executable, str(ROOT / "tests" / "planting.py")]
    done = subprocess.run(
        command, input=json.dumps(plants), cwd=tree, env=environ, stdout=subprocess.PIPE, text=True
    )
    return dict(zip(PLANTS, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("name", [name for name, plant in PLANTS.items() if plant.contract])
def test_wrong_import_breaks_the_contract(reports: dict[str, str], name: str) -> None:
    assert PLANTS[name].contract in BROKEN.findall(reports[name])


def test_nothing_else_is_broken(reports: dict[str, str]) -> None:
    assert " kept, 0 broken." in reports["nothing wrong"]


def test_every_floor_below_http_is_held_to_it() -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    floors = config["importlinter:contract:floors"]["layers"].split("\n")
    below = floors[floors.index(LOWEST_WITH_HTTP) + 1 :]
    names = {name.strip() for floor in below for name in floor.split("|")}
    held = config["importlinter:contract:http"]["source_modules"].split()
    # Those in parentheses are not there yet.
    assert {f"ngw2f.{name}" for name in names if not name.startswith("(")} == set(held)
