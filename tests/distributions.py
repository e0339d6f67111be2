"""The two distributions, built from a copy of what the repository has."""

import shutil
import subprocess
import sys
from pathlib import Path

from ngw2f.locks import file_lock

ROOT = Path(__file__).parent.parent
# What a checkout has and the repository has not.
UNWANTED = shutil.ignore_patterns(
    ".*", "__pycache__", "node_modules", "*.egg-info", "build", "dist", "var", "*.db"
)

CHAT, MIDDLEWARE = ".", "packages/middleware"
# A busy machine takes several times as long as an idle one.
BUILD_SECONDS = 600


def copy_sources(directory: Path) -> Path:
    """Copy the repository into *directory*, and return the copy.

    A build leaves files beside what it builds, and tests may run side by side.
    """
    source = directory / "source"
    shutil.copytree(ROOT, source, ignore=UNWANTED, symlinks=True)
    return source


def build(directory: Path, *distributions: str) -> Path:
    """Build an sdist of each, and a wheel of each from it, as `make dist` does; return the folder.

    What the builds need is there as it is in this environment: nothing is downloaded.
    """
    source, dist = copy_sources(directory), directory / "dist"
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist)]
    running = [
        subprocess.Popen(
            [*command, source / each], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for each in distributions
    ]
    for process in running:
        said, _ = process.communicate(timeout=BUILD_SECONDS)
        assert process.returncode == 0, said
        # setuptools says there what a later version will refuse.
        assert "Deprecat" not in said, said
    return dist


def build_once(directory: Path) -> Path:
    """Build both into a folder below *directory*, beside their `source`; return the folder.

    Whoever else asks for it with the same *directory* waits, and gets the same one.
    """
    directory.mkdir(exist_ok=True)
    with file_lock(directory / "lock"):
        if not (directory / "built").exists():
            build(directory, MIDDLEWARE, CHAT)
            (directory / "built").touch()
    return directory / "dist"
