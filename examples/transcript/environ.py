"""The environment in which a transcript's commands run."""

import os
import sys
from pathlib import Path


def copied() -> dict[str, str]:
    """Return a copy of this process's environment, which another thread may change meanwhile."""
    found = {name: os.environ.get(name) for name in list(os.environ)}
    return {name: value for name, value in found.items() if value is not None}


def environ_of(port: str) -> dict[str, str]:
    """Return the environment for a gunicorn that uses this port by default."""
    # Use this Python and its installed programs.
    # Servers may be in directories of an administrator's PATH.
    path = [str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin", "/sbin"]
    modules = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return {
        **copied(),
        "PATH": os.pathsep.join(path),
        "PYTHONPATH": os.pathsep.join(filter(None, modules)),
        "PYTHONUNBUFFERED": "1",
        # Some machines force colours (FORCE_COLOR), or use a proxy for everything.
        "PYTHON_COLORS": "0",
        "no_proxy": "*",
        "GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{port}",
    }
