"""What npm installs for the tests: once, for all of them."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.needs import lacking

PACKAGES = ["socket.io-client@4", "ws@8", "eventsource@4"]
INSTALL_SECONDS = 300


def install(directory: Path) -> Path:
    """Return a folder with the official clients, `NGW2F_NODE_MODULES` or npm's."""
    given = os.environ.get("NGW2F_NODE_MODULES")
    if given:
        return Path(given)
    if not shutil.which("node") or not shutil.which("npm"):
        lacking("node and npm", "apt-get install nodejs npm")
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(directory), *PACKAGES]
    try:
        subprocess.run(command, capture_output=True, timeout=INSTALL_SECONDS, check=True)
    except subprocess.SubprocessError:
        lacking("official clients", f"npm install {' '.join(PACKAGES)}")
    return directory / "node_modules"
