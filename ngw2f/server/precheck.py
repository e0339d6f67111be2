"""What of the settings can be found wrong before anything starts, beyond each value by itself.

It imports what gevent has to patch, so gunicorn's master leaves it to `ngw2f migrate`.
"""

import os
from pathlib import Path

from ngw2f.broker.connection import connect
from ngw2f.links.settings import build_policy
from ngw2f.settings import SettingError, Settings


def check(settings: Settings) -> None:
    """Make the folders that are missing. Raises SettingError for what would stop a process."""
    _check_values(settings)
    make_folder("NGW2F_DATA_DIR", settings.data_path)
    if settings.profile_dir:
        make_folder("NGW2F_PROFILE_DIR", Path(settings.profile_dir))


def make_folder(name: str, path: Path) -> None:
    """Make a folder for this user alone, unless it is there. Raises SettingError."""
    try:
        if not path.is_dir() and not os.path.lexists(path):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = why_not_writable(path)
    except OSError as error:
        reason = f"{str(error.filename)[:200]} cannot be made: {error.strerror}"
    if reason:
        raise SettingError(f"{name}: {reason}")


def look(settings: Settings) -> None:
    """Do what `check` does, and make nothing."""
    _check_values(settings)
    if settings.profile_dir:
        path = Path(settings.profile_dir).absolute()
        there = next(each for each in (path, *path.parents) if os.path.lexists(each))
        if reason := why_not_writable(there):
            raise SettingError(f"NGW2F_PROFILE_DIR: {reason}")


def _check_values(settings: Settings) -> None:
    """Raise SettingError for hosts and options that are none; nothing is connected to."""
    build_policy(settings)
    connect(settings).close()


def why_not_writable(path: Path) -> str:
    """Say why this user cannot write into a folder that is there, "" if that works."""
    if not path.is_dir():
        return f"{path} is no folder"
    return "" if os.access(path, os.W_OK | os.X_OK) else f"{path} cannot be written by this user"
