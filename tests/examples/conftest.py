"""What the programs of the examples, which tests start, have in common."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.examples.needs import CHEAPLY
from tests.examples.readmes import install_once


@pytest.fixture(scope="package", autouse=True)
def _patient_with_redis() -> Iterator[None]:
    """Have chats wait for a Redis that a busy machine is slow to run.

    Without it they answer all the same, but with other fields than a transcript has.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NGW2F_REDIS_TIMEOUT_SECONDS", "10")
        yield


@pytest.fixture(scope="package", autouse=True)
def _cheap_passwords() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", CHEAPLY, prepend=os.pathsep)
        yield


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the programs of an environment with the chat, one for all of pytest's workers."""
    base = tmp_path_factory.getbasetemp()
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    return install_once((base.parent if is_worker else base) / "installed")
