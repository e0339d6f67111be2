"""Message events: published by workers, streamed to listeners."""

import json
from collections.abc import Iterator

from redis import Redis
from werkzeug import Response

CHANNEL = "messages"
# Keeps proxies from timing out, and reveals listeners that have left.
SILENCE_SECONDS = 50


def publish(redis: Redis, message: dict[str, str]) -> None:
    redis.publish(CHANNEL, json.dumps(message))


class Listening:
    """An endless body; the server closes it when the listener has left."""

    def __init__(self, redis: Redis) -> None:
        self.pubsub = redis.pubsub()  # type: ignore[no-untyped-call] # it has no types
        self.pubsub.subscribe(CHANNEL)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        heard = self.pubsub.get_message(timeout=SILENCE_SECONDS)
        if heard and heard["type"] == "message":
            return b"data: %s\n\n" % heard["data"]
        return b": listening\n\n"

    def close(self) -> None:
        self.pubsub.close()


def stream(redis: Redis) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(Listening(redis), 200, headers, mimetype="text/event-stream")
