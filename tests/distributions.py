"""The two distributions, built from a copy of what the repository has."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
# What a checkout has and the repository has not.
UNWANTED = shutil.ignore_patterns(
    ".*", "__pycache__", "node_modules", "*.egg-info", "build", "dist", "var", "*.db"
)


def copy_sources(directory: Path) -> tuple[Path, Path]:
    """Copy the repository into *directory*; return the folders of the chat and the middleware.

    A build leaves files beside what it builds, and tests may run side by side.
    """
    source = directory / "source"
    shutil.copytree(ROOT, source, ignore=UNWANTED, symlinks=True)
    return source, source / "packages" / "middleware"


def build_both(directory: Path) -> Path:
    """Build an sdist of each, and a wheel of each from it, as `make dist` does; return the folder.

    What the builds need is there as it is in this environment: nothing is downloaded.
    """
    dist = directory / "dist"
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist)]
    running = [
        subprocess.Popen(
            [*command, source], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for source in copy_sources(directory)
    ]
    for process in running:
        said, _ = process.communicate()
        assert process.returncode == 0, said
        # setuptools says there what a later version will refuse.
        assert "Deprecat" not in said, said
    return dist
