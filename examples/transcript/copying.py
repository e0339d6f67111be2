"""The copy of a folder in which a transcript is played."""

import shutil
from pathlib import Path

from examples.transcript.ports import Ports

# Files that name ports.
REWRITTEN = {".conf", ".js", ".sh"}
# Made by `npm install`: too large to copy, and without our ports.
NODE_MODULES = "node_modules"


def copy(source: Path, target: Path, ports: Ports) -> None:
    """Copy a folder, replace its ports by free ones, and link what npm installed."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", NODE_MODULES))
    for file in target.rglob("*"):
        if file.suffix in REWRITTEN:
            file.write_text(ports.in_command(file.read_text()))
    installed = source.absolute() / NODE_MODULES
    if installed.exists():
        (target / NODE_MODULES).symlink_to(installed)
