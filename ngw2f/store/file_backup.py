"""Back up what people uploaded, beside the backup of the database, and restore it.

A stored file never changes, so on the same file system a link is a copy.
"""

import os
import shutil
from pathlib import Path

from ngw2f.store.file_contents import FOLDER, FOLDER_MODE


def folder_beside(backup: Path) -> Path:
    """Return the folder of the files that belong to a backup."""
    return backup.with_name(f"{backup.name}.files")


def back_up_files(data_path: Path, backup: Path) -> None:
    """Copy all files into the folder beside a backup, which must not be there.

    Raises FileExistsError, OSError.
    """
    source, target = data_path / FOLDER, folder_beside(backup)
    if not source.is_dir():
        return
    target.mkdir(mode=FOLDER_MODE)
    try:
        _copy(source, target)
    except BaseException:
        shutil.rmtree(target)
        raise


def restore_files(data_path: Path, backup: Path) -> None:
    """Copy the files beside a backup back, if there are any; others stay. Raises OSError."""
    source = folder_beside(backup)
    if source.is_dir():
        _copy(source, data_path / FOLDER)


def _copy(source: Path, target: Path) -> None:
    """Copy the files that are not there, and see them written."""
    for path in sorted(source.glob("*/*")):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        if not copy.exists():
            _link_or_copy(path, copy)


def _link_or_copy(path: Path, copy: Path) -> None:
    try:
        os.link(path, copy)
    except FileNotFoundError:
        return  # It was removed meanwhile.
    except OSError:
        shutil.copy2(path, copy)
        with open(copy, "rb") as file:
            os.fsync(file.fileno())
