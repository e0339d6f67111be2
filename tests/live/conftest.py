from collections.abc import Iterator

import pytest

from tests.live.server import ChatServer


@pytest.fixture(scope="module")
def chat(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[ChatServer]:
    """Run a chat that the tests of a module share and leave alive.

    It renders in a module that says `RENDERS = True`, and has as many web workers as its `WORKERS`.
    """
    server = ChatServer(tmp_path_factory.mktemp("chat"))
    renders = getattr(request.module, "RENDERS", False)
    server.start(getattr(request.module, "WORKERS", 1), queues="render" if renders else "")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def ann(chat: ChatServer) -> str:
    """Return the token of an account of the chat."""
    return chat.register("ann")
