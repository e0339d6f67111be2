"""What the programs of the examples, which tests start, have in common."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.needs import CHEAPLY
from tests.examples.readmes import install_once
from tests.workers import common_folder


@pytest.fixture(scope="package", autouse=True)
def _patient_with_redis() -> Iterator[None]:
    """Have chats wait for a Redis that a busy machine is slow to run.

    Without it they answer all the same, but with other fields than a transcript has.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NGW2F_REDIS_TIMEOUT_SECONDS", "10")
        yield


@pytest.fixture(scope="package", autouse=True)
def _cheap_programs(migrated_sqlite: Path) -> Iterator[None]:
    """Have programs hash passwords cheaply, and chats begin with a migrated database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", CHEAPLY, prepend=os.pathsep)
        patch.setenv("MIGRATED_SQLITE", str(migrated_sqlite))
        yield


@pytest.fixture(scope="session")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the programs of an environment with the chat, one for all of pytest's workers."""
    return install_once(common_folder(tmp_path_factory) / "installed", dist)
