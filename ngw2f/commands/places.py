"""Where the files are that commands run, in a checkout or where pip has installed them."""

import sysconfig
from pathlib import Path

# gunicorn's configuration, beside `app.py`.
CONFIGURATION = "gunicorn.conf.py"


def find_configuration() -> Path:
    """Return the path of gunicorn's configuration."""
    directory = Path(__file__).parents[2]
    if not (directory / CONFIGURATION).exists():
        directory = Path(sysconfig.get_path("data")) / "share" / "ngw2f"
    return directory / CONFIGURATION
