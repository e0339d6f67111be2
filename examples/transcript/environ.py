"""The environment in which a transcript's commands run."""

import os
import sys
from pathlib import Path


def environ_of(port: str) -> dict[str, str]:
    """Return the environment for a gunicorn that uses this port by default."""
    # `python` and what is installed with it are those that run this.
    # Servers may be where only an administrator's PATH looks.
    path = [str(Path(sys.executable).parent), os.environ["PATH"], "/usr/sbin", "/sbin"]
    modules = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PATH": os.pathsep.join(path),
        "PYTHONPATH": os.pathsep.join(filter(None, modules)),
        "PYTHONUNBUFFERED": "1",
        # Some machines ask for colours everywhere (FORCE_COLOR), or send all to a proxy.
        "PYTHON_COLORS": "0",
        "no_proxy": "*",
        "GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{port}",
    }
