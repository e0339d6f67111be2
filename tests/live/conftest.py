from collections.abc import Iterator

import pytest

from tests.live.server import ChatServer


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """Run a chat that the tests of a module share and leave alive."""
    server = ChatServer(tmp_path_factory.mktemp("chat"))
    server.start()
    yield server
    server.stop()
