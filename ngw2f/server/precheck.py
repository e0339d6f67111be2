"""Check before anything starts that the settings can work, beyond each value's own form.

The master imports this before it forks: nothing here may import what gevent has to patch.
"""

import os
import re
from pathlib import Path

from ngw2f.links.settings import build_policy
from ngw2f.settings import SettingError, Settings

# No client of Redis finds anything wrong with these, nor needs to be asked.
PLAIN_URL = re.compile(
    r"redis://[A-Za-z0-9.-]+(:[1-5]?[0-9]{1,4})?(/[0-9]{1,3})?|unix:///[A-Za-z0-9._/-]+"
)


def needs_client(settings: Settings) -> bool:
    """Say whether only a client of Redis can check the settings."""
    return bool(settings.redis_url) and not PLAIN_URL.fullmatch(settings.redis_url)


def check(settings: Settings) -> None:
    """Create missing folders. Raises SettingError for anything that would stop a process."""
    _check_values(settings)
    make_folder("NGW2F_DATA_DIR", settings.data_path)
    if settings.profile_dir:
        make_folder("NGW2F_PROFILE_DIR", Path(settings.profile_dir))


def make_folder(name: str, path: Path) -> None:
    """Create a folder that only this user may enter, unless it exists. Raises SettingError."""
    try:
        if not path.is_dir() and not os.path.lexists(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = why_not_writable(path)
    except OSError as error:
        reason = f"{str(error.filename)[:200]} cannot be made: {error.strerror}"
    if reason:
        raise SettingError(f"{name}: {reason}")


def look(settings: Settings) -> None:
    """Check as `check` does, but create nothing."""
    _check_values(settings)
    if settings.profile_dir:
        path = Path(settings.profile_dir).absolute()
        there = next(each for each in (path, *path.parents) if os.path.lexists(each))
        if reason := why_not_writable(there):
            raise SettingError(f"NGW2F_PROFILE_DIR: {reason}")


def _check_values(settings: Settings) -> None:
    """Raise SettingError for invalid hosts and options. Connects to nothing."""
    build_policy(settings)
    if needs_client(settings):
        # It has what gevent has to patch: the master never comes here.
        from ngw2f.broker.connection import connect

        connect(settings).close()


def why_not_writable(path: Path) -> str:
    """Return why this user cannot write into an existing folder, "" if they can."""
    if not path.is_dir():
        return f"{path} is not a folder"
    return "" if os.access(path, os.W_OK | os.X_OK) else f"{path} cannot be written by this user"
