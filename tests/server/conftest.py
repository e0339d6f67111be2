from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

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
