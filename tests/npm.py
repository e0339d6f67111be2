"""What npm installs for the tests: once, for all of them."""

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.needs import lacking

EXAMPLE = Path(__file__).parents[1] / "examples" / "socketio" / "package.json"
CLIENTS = [
    "socket.io-client@4",
    "socket.io-client-3@npm:socket.io-client@3",
    "ws@8",
    "eventsource@4",
    # Judges whether everybody can use a page (tests/browser/test_judges.py).
    "axe-core@4",
]
INSTALL_SECONDS = 300


def install_once(directory: Path) -> Path:
    """Return a folder with the official clients and servers, `NGW2F_NODE_MODULES` or npm's.

    Whoever else asks for it with the same *directory* waits, and gets the same one.
    """
    given = os.environ.get("NGW2F_NODE_MODULES")
    if given:
        return Path(given)
    directory.mkdir(exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "installed").exists():
            _install(directory)
            (directory / "installed").touch()
    return directory / "node_modules"


def _install(directory: Path) -> None:
    if not shutil.which("node") or not shutil.which("npm"):
        lacking("node and npm", "apt-get install nodejs npm")
    needed = json.loads(EXAMPLE.read_text())["dependencies"]
    packages = [*CLIENTS, *(f"{name}@{versions}" for name, versions in needed.items())]
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(directory), *packages]
    try:
        subprocess.run(command, capture_output=True, timeout=INSTALL_SECONDS, check=True)
    except subprocess.SubprocessError:
        lacking("official clients and servers", f"npm install {' '.join(packages)}")
