from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.live.server import ChatServer


class SharedChat:
    """A chat for one module after another, started when it is first asked for."""

    def __init__(self, make: Callable[[], ChatServer], queues: str = "") -> None:
        self._make = make
        self._queues = queues
        self._server: ChatServer | None = None

    @contextmanager
    def lent(self, session: pytest.Session) -> Iterator[ChatServer]:
        """Give it for a block. If a test fails meanwhile, the next module gets a new one."""
        if self._server is None:
            self._server = self._make()
            self._server.start(queues=self._queues)
            # The first account has the id 1.
            self._server.token_of("ann")
        failed = session.testsfailed
        yield self._server
        if session.testsfailed > failed:
            self.stop()
        else:
            self._server.wait_until_reloaded()

    def stop(self) -> None:
        if self._server:
            self._server.stop()
        self._server = None


@pytest.fixture(scope="session")
def shared_chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedChat]:
    chat = SharedChat(lambda: ChatServer(tmp_path_factory.mktemp("chat")))
    yield chat
    chat.stop()


@pytest.fixture(scope="session")
def rendering_chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedChat]:
    chat = SharedChat(lambda: ChatServer(tmp_path_factory.mktemp("chat")), "render")
    yield chat
    chat.stop()


@pytest.fixture(scope="module")
def chat(
    shared_chat: SharedChat,
    rendering_chat: SharedChat,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[ChatServer]:
    """Run a chat that tests share and leave alive, those of other modules too.

    Those of modules that say `RENDERS = True` share one that renders. A module has its own if it
    says how many web workers it has, in `WORKERS`.
    """
    renders, workers = (getattr(request.module, name, None) for name in ("RENDERS", "WORKERS"))
    with ExitStack() as stack:
        if workers:
            server = ChatServer(tmp_path_factory.mktemp("chat"))
            server.start(workers, queues="")
            stack.callback(server.stop)
        else:
            shared = rendering_chat if renders else shared_chat
            server = stack.enter_context(shared.lent(request.session))
        yield server


@pytest.fixture(scope="module")
def ann(chat: ChatServer) -> str:
    """Return the token of an account of the chat."""
    return chat.token_of("ann")
