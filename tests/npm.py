"""What npm installs for the tests: once, for all of them."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.needs import lacking

EXAMPLE = Path(__file__).parents[1] / "examples" / "socketio" / "package.json"
CLIENTS = ["socket.io-client@4", "ws@8", "eventsource@4"]
INSTALL_SECONDS = 300


def install(directory: Path) -> Path:
    """Return a folder with the official clients and servers, `NGW2F_NODE_MODULES` or npm's."""
    given = os.environ.get("NGW2F_NODE_MODULES")
    if given:
        return Path(given)
    if not shutil.which("node") or not shutil.which("npm"):
        lacking("node and npm", "apt-get install nodejs npm")
    needed = json.loads(EXAMPLE.read_text())["dependencies"]
    packages = [*CLIENTS, *(f"{name}@{versions}" for name, versions in needed.items())]
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(directory), *packages]
    try:
        subprocess.run(command, capture_output=True, timeout=INSTALL_SECONDS, check=True)
    except subprocess.SubprocessError:
        lacking("official clients and servers", f"npm install {' '.join(packages)}")
    return directory / "node_modules"
