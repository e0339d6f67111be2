from collections.abc import Iterator

import pytest

from tests.live.server import ChatServer


@pytest.fixture(scope="module")
def chat(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[ChatServer]:
    """Run a chat that the tests of a module share and leave alive.

    It renders in a module that says `RENDERS = True`.
    """
    server = ChatServer(tmp_path_factory.mktemp("chat"))
    server.start(queues="render" if getattr(request.module, "RENDERS", False) else "")
    yield server
    server.stop()
