"""What the programs of the examples, which tests start, have in common."""

import os
from collections.abc import Iterator

import pytest

from tests.examples.needs import CHEAPLY


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
