"""From post to HTML: one at a time, 100 a second, and as fast as 8 clients can.

The times are those stored by the server: from a message's `created_at` to its
`updated_at`, when its HTML was stored; the first line also has the time that a
polling client sees.

Run: python -m benchmarks.rendering
"""

import http.client
import json
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

from benchmarks.api import call, sign_up
from benchmarks.load import running

SOURCE = "hello *world* http://example.com"
IDLE_POSTS = 100
STEADY_POSTS = 1_000
STEADY_PER_SECOND = 100
BURST_CLIENTS = 8
BURST_POSTS = 2_000


class Client:
    """A connection that posts."""

    def __init__(self, address: str, token: str) -> None:
        self._connection = http.client.HTTPConnection(address)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._headers = headers

    def post(self, source: str = SOURCE) -> int:
        """Return the id of a new message."""
        body = json.dumps({"source": source})
        self._connection.request("POST", "/api/messages", body, self._headers)
        response = self._connection.getresponse()
        content = response.read()
        assert response.status == 201, content
        return int(json.loads(content)["id"])

    def get(self, message_id: int) -> Any:
        self._connection.request("GET", f"/api/messages/{message_id}")
        return json.load(self._connection.getresponse())


def main() -> None:
    with running("gunicorn.conf.py", "app:application", {"NGW2F_RATE_LIMIT": "false"}) as server:
        address = server.address
        token = sign_up(address)
        client = Client(address, token)
        client.post()
        time.sleep(2)
        idle(client)
        steady(address, client)
        burst(address, token)


def idle(client: Client) -> None:
    seen, ids = [], []
    for _ in range(IDLE_POSTS):
        start = time.perf_counter()
        ids.append(client.post())
        while not client.get(ids[-1])["rendered"]:
            pass
        seen.append(time.perf_counter() - start)
        time.sleep(0.02)
    print(f"idle, {IDLE_POSTS} posts: rendered after {waits(client, ids)}")
    print(f"  as a client sees it, from the request on: {spread(seen)}")


def steady(address: str, client: Client) -> None:
    ids, start = [], time.monotonic()
    for number in range(STEADY_POSTS):
        time.sleep(max(0.0, start + number / STEADY_PER_SECOND - time.monotonic()))
        ids.append(client.post())
    finish(address)
    print(f"{STEADY_PER_SECOND} posts/s, {STEADY_POSTS} posts: rendered after {waits(client, ids)}")


def burst(address: str, token: str) -> None:
    start = time.monotonic()
    ids = in_threads(lambda: Client(address, token), BURST_CLIENTS, BURST_POSTS)
    posted = time.monotonic() - start
    finish(address)
    rendered = time.monotonic() - start
    print(
        f"{BURST_CLIENTS} clients, {len(ids)} posts: all answered 201 after {posted:.2f} s, "
        f"all rendered after {rendered:.2f} s: {len(ids) / rendered:.0f} messages/s"
    )


def in_threads(make: Callable[[], Client], threads: int, posts: int) -> list[int]:
    ids: list[int] = []

    def post_all() -> None:
        client = make()
        ids.extend([client.post() for _ in range(posts // threads)])

    running_threads = [threading.Thread(target=post_all) for _ in range(threads)]
    for thread in running_threads:
        thread.start()
    for thread in running_threads:
        thread.join()
    return ids


def finish(address: str) -> None:
    """Wait until every message is rendered."""
    while not all(
        each["rendered"] for each in call(address, "/api/messages?limit=200")["messages"]
    ):
        time.sleep(0.02)


def waits(client: Client, ids: list[int]) -> str:
    messages = [client.get(message_id) for message_id in ids]
    assert all(message["rendered"] for message in messages)
    return spread([message["updated_at"] - message["created_at"] for message in messages])


def spread(seconds: list[float]) -> str:
    ordered = sorted(1000 * each for each in seconds)
    p99 = ordered[int(len(ordered) * 0.99)]
    return f"p50 {statistics.median(ordered):.1f} ms, p99 {p99:.1f} ms, most {ordered[-1]:.1f} ms"


if __name__ == "__main__":
    main()
