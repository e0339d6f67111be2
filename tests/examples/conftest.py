from collections.abc import Iterator

import pytest


@pytest.fixture(scope="package", autouse=True)
def _patient_with_redis() -> Iterator[None]:
    """Have chats wait for a Redis that a busy machine is slow to run.

    Without it they answer all the same, but with other fields than a transcript has.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NGW2F_REDIS_TIMEOUT_SECONDS", "10")
        yield
