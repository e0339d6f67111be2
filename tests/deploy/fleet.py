"""The whole of it in its own processes: nginx, single-worker gunicorn instances, RQ workers."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.chats import Chat, Workers, environment, running_chat, running_workers
from tests.nginx.running import Client, make_front, running


@dataclass
class Fleet:
    """What runs, and a client that asks it through nginx."""

    client: Client
    chats: list[Chat]
    workers: Workers

    def stored(self) -> list[int]:
        """Return the ids of all messages of the lobby."""
        return [message["id"] for message in self.messages()]

    def messages(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            after = found[-1]["id"] if found else 0
            page = self.client.ask(f"/api/messages?limit=200&after={after}").json["messages"]
            found += page
            if len(page) < 200:
                return found


@contextlib.contextmanager
def running_fleet(
    directory: Path, database_url: str, redis_url: str, instances: int = 2
) -> Iterator[Fleet]:
    """Run it for the block; an empty *database_url* is SQLite in *directory*."""
    variables = environment(directory, database_url, redis_url)
    with contextlib.ExitStack() as stack:
        names = [f"web-{number}" for number in range(1, instances + 1)]
        chats = [stack.enter_context(running_chat(directory, name, variables)) for name in names]
        workers = stack.enter_context(running_workers(variables))
        front = make_front(directory / "nginx", [chat.socket for chat in chats])
        yield Fleet(stack.enter_context(running(front)), chats, workers)
