"""`GET /api/messages` with 50 messages, beside a bare application under the same gunicorn.

With the whole chain around the chat, access log included (into a file), with and
without the cache.

Run: python -m benchmarks.api [ROUNDS]
"""

import base64
import json
import sys
import time
import urllib.request

from benchmarks.load import compare, ratio, request_bytes, running

MESSAGES = 50
SOURCE = "hello *world* http://example.com, message {number} of the benchmark\n\n- one\n- two"


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    unlimited = {"NGW2F_RATE_LIMIT": "false"}
    uncached = {**unlimited, "NGW2F_CACHE_BYTES": "0"}
    with (
        running("benchmarks/bare_conf.py", "benchmarks.bare:application") as bare,
        running("gunicorn.conf.py", "app:application", uncached) as chat,
        running("gunicorn.conf.py", "app:application", unlimited) as caching,
    ):
        fill(chat)
        fill(caching)
        messages = request_bytes("/api/messages")
        known = request_bytes("/api/messages", {"If-None-Match": etag(caching, "/api/messages")})
        subjects = [
            ("bare application", bare, request_bytes("/")),
            ("50 messages, no cache", chat, messages),
            ("50 messages, cached", caching, messages),
            ("304, cached", caching, known),
            ("GET /healthz", caching, request_bytes("/healthz")),
        ]
        rates = compare(subjects, rounds, 2.0)
    for each in rates:
        print(each)
    for each in rates[1:]:
        print(f"{each.name} / bare: {ratio(each, rates[0])}")


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
    return call(address, "/api/tokens", {}, f"Basic {basic}")["token"]


def etag(address: str, path: str) -> str:
    with urllib.request.urlopen(f"http://{address}{path}") as response:
        return response.headers["ETag"]


def call(address: str, path: str, body: object = None, authorization: str = "") -> dict:
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
