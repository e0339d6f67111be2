"""A small part of `python -m benchmarks.hostile`: what it sends leaves nothing behind."""

import asyncio

import pytest

from benchmarks.hostile import http
from benchmarks.hostile.sender import attack
from benchmarks.hostile.watching import open_connections, rss_bytes
from tests.live.server import ChatServer
from tests.waiting import wait_until

INPUTS = 40
SECONDS = 120
MAX_GROWTH_BYTES = 100 * 1024 * 1024


@pytest.mark.parametrize("kind", sorted(http.KINDS))
def test_nothing_is_left(chat: ChatServer, kind: str) -> None:
    workers = chat.web_workers()
    before = rss_bytes(workers[0])
    kinds = {kind: http.KINDS[kind]}
    assert asyncio.run(attack(chat.port, INPUTS, SECONDS, seed=1, kinds=kinds)) == INPUTS
    assert chat.call("GET", "/healthz").ok
    wait_until(lambda: open_connections(chat.port) == 0)
    assert chat.web_workers() == workers
    assert rss_bytes(workers[0]) - before < MAX_GROWTH_BYTES
    assert "Traceback" not in chat.log.read_text(errors="replace")
