"""A hot upgrade with streams open: every client sees every message, once, in order."""

import os
import signal
from collections.abc import Callable

import requests

from tests.live.listeners import ALL, Listener
from tests.server.server import Server
from tests.server.test_life import wait_for_successor
from tests.waiting import HANGING_SECONDS, wait_until


def listen(server: Server) -> list[Listener]:
    """Return a client of each kind, which begins where the chat is now."""
    cursor = server.get("/api/events").json()["next"]
    port = int(server.address.rpartition(":")[2])
    listeners: list[Listener] = [kind(port, cursor) for kind in ALL]
    for listener in listeners:
        listener.start()
    return listeners


def say(server: Server, headers: dict[str, str]) -> int:
    """Post until somebody answers, as a client does; return the message's id."""

    def post() -> requests.Response | None:
        try:
            return server.post("/api/messages", json={"source": "hello"}, headers=headers)
        except requests.ConnectionError:
            return None

    return int(wait_until(post).json()["id"])


def test_streams_go_on_through_it(start_web: Callable[..., Server]) -> None:
    server = start_web()
    ann, old = server.join("ann"), server.master
    listeners = listen(server)
    ids = [say(server, ann)]
    wait_until(lambda: all(each.seen == ids for each in listeners))
    old.send_signal(signal.SIGUSR2)
    ids.append(say(server, ann))
    new = wait_for_successor(server)
    try:
        ids.append(say(server, ann))
        old.terminate()
        ids += [say(server, ann) for _ in range(5)]
        old.wait(HANGING_SECONDS)
        ids.append(say(server, ann))
        # Whoever posts again after a cut connection may have posted twice.
        ids = sorted(server.messages())
        wait_until(lambda: all(len(each.seen) >= len(ids) for each in listeners))
        assert {type(each).__name__: each.seen for each in listeners} == {
            type(each).__name__: ids for each in listeners
        }
        assert not any(each.resyncs for each in listeners)
    finally:
        for each in listeners:
            each.is_stopping = True
        # Ends their streams.
        os.kill(new, signal.SIGTERM)
        wait_until(lambda: not server.processes())
    for each in listeners:
        each.join(HANGING_SECONDS)
