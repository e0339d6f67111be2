"""`GET /api/messages` with 50 messages, beside a bare application under the same gunicorn.

The whole chain is around the chat, access log included (into a file), with and without the
cache. The bare application runs under the same settings, worker class and response writer
(`benchmarks/bare_conf.py`), and once more under the response writer of gunicorn's own.

Each round measures all of them in turn. For each: the median of the rounds and their middle
half, as requests a second and as the processor time of the worker for a request, which other
programs on the machine disturb less. "CPU" of a ratio is the bare application's time divided
by the chat's, so that 1 is as good as bare in both.

Run: python -m benchmarks.api [ROUNDS]
"""

import base64
import json
import sys
import time
import urllib.request
from typing import Any

from benchmarks.load import Subject, compare, request_bytes, running

MESSAGES = 50
SECONDS = 1.0
STOCK = {"BENCHMARK_RESPONSE": "gunicorn"}
SOURCE = "hello *world* http://example.com, message {number} of the benchmark\n\n- one\n- two"


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    unlimited = {"NGW2F_RATE_LIMIT": "false"}
    uncached = {**unlimited, "NGW2F_CACHE_BYTES": "0"}
    with (
        running("benchmarks/bare_conf.py", "benchmarks.bare:application") as bare,
        running("benchmarks/bare_conf.py", "benchmarks.bare:application", STOCK) as stock,
        running("gunicorn.conf.py", "app:application", uncached) as chat,
        running("gunicorn.conf.py", "app:application", unlimited) as caching,
    ):
        fill(chat.address)
        fill(caching.address)
        messages = request_bytes("/api/messages")
        tag = etag(caching.address, "/api/messages")
        known = request_bytes("/api/messages", {"If-None-Match": tag})
        subjects = [
            Subject("bare application", bare, request_bytes("/")),
            Subject("bare, gunicorn's response", stock, request_bytes("/")),
            Subject("50 messages, no cache", chat, messages),
            Subject("50 messages, cached", caching, messages),
            Subject("304, cached", caching, known),
            Subject("GET /healthz", caching, request_bytes("/healthz")),
        ]
        figures = compare(subjects, rounds, SECONDS)
    print(*figures, sep="\n")
    for reference in figures[:2]:
        print(f"\nbeside {reference.name}:")
        print(*(each.beside(reference) for each in figures[2:]), sep="\n")


def fill(address: str) -> None:
    """Post messages and wait until they are rendered."""
    token = sign_up(address)
    for number in range(MESSAGES):
        source = SOURCE.format(number=number)
        call(address, "/api/messages", {"source": source}, f"Bearer {token}")
    while not all(message["rendered"] for message in call(address, "/api/messages")["messages"]):
        time.sleep(0.1)


def sign_up(address: str) -> str:
    """Return the token of a new user."""
    call(address, "/api/users", {"nickname": "bench", "password": "bench"})
    basic = base64.b64encode(b"bench:bench").decode()
    return str(call(address, "/api/tokens", {}, f"Basic {basic}")["token"])


def etag(address: str, path: str) -> str:
    with urllib.request.urlopen(f"http://{address}{path}") as response:
        return str(response.headers["ETag"])


def call(address: str, path: str, body: object = None, authorization: str = "") -> Any:
    """Return the JSON that the server answers."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if authorization:
        headers["Authorization"] = authorization
    request = urllib.request.Request(f"http://{address}{path}", data, headers)
    with urllib.request.urlopen(request) as response:
        return json.load(response)


if __name__ == "__main__":
    main()
