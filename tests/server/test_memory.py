"""An embedded broker that has little memory takes all that a chat is told all the same."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests
from redis import Redis

from tests.client import PASSWORD
from tests.server.server import Server
from tests.waiting import HANGING_SECONDS, wait_until

LIMIT = 4 * 1024 * 1024
POSTS = 300


def test_small_broker_loses_nothing(start: Callable[..., Server], data_dir: Path) -> None:
    server = start(EMBEDDED_BYTES=LIMIT)
    user = {"nickname": "ann", "password": PASSWORD}
    requests.post(f"{server.address}/api/users", json=user, timeout=60).raise_for_status()
    answer = requests.post(f"{server.address}/api/tokens", auth=("ann", PASSWORD), timeout=60)
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    heard: list[int] = []

    def listen() -> None:
        options: dict[str, Any] = {
            "headers": {"Accept": "application/x-ndjson"},
            "stream": True,
            "timeout": 60,
        }
        with requests.get(f"{server.address}/events?after=0", **options) as stream:
            for line in stream.iter_lines():
                event = json.loads(line) if line.strip() else {}
                if event.get("event") == "message.created":
                    heard.append(event["data"]["id"])
                if len(heard) == POSTS:
                    return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    posted = []
    for number in range(POSTS):
        message = {"source": f"{number} " + "x" * 9_900}
        answer = requests.post(
            f"{server.address}/api/messages", json=message, headers=headers, timeout=60
        )
        assert answer.status_code == 201, answer.text
        posted.append(answer.json()["id"])
    listener.join(HANGING_SECONDS)
    assert heard == posted
    newest = f"{server.address}/api/messages/{posted[-1]}"
    wait_until(lambda: requests.get(newest, timeout=60).json()["rendered"])
    with Redis.from_url(f"unix://{data_dir}/valkey.sock") as redis:
        assert int(redis.config_get("maxmemory")["maxmemory"]) == LIMIT
        assert redis.memory_usage("ngw2f:events", samples=0) < LIMIT // 2
    assert "Traceback" not in server.text
