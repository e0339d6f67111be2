from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from tests.server.server import Server, run_server


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def start(data_dir: Path) -> Iterator[Callable[..., Server]]:
    """Give a function that starts a server, and wait until it is ready."""
    with ExitStack() as servers:
        yield lambda *options, **settings: servers.enter_context(
            run_server(data_dir, *options, **settings)
        )


@pytest.fixture
def start_web(start: Callable[..., Server], valkey_url: str) -> Callable[..., Server]:
    """Give the same for tests that need nothing embedded, which is most of what starts."""
    broker = {"REDIS_URL": valkey_url, "REDIS_PREFIX": f"{uuid4()}:"}
    # Without workers it is never quite ready.
    return partial(start, path="/api/messages", **broker)
