"""A post that was stored and never answered, sent again behind nginx."""

import json
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.deploy.chats import Chat, environment, join, started
from tests.nginx.running import make_front, running
from tests.waiting import HANGING_SECONDS, wait_until

BODY = json.dumps({"source": "hello"}).encode()
# No worker renders it, so the answer is still to come when the instance is killed.
PREFER = {"Prefer": "wait=30"}


@pytest.fixture
def directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ngw2f-again-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def test_killed_between_commit_and_answer(directory: Path, valkey_url: str, redis: Redis) -> None:
    variables = environment(directory, "", valkey_url)
    chats = [Chat(directory, name, variables) for name in ("one", "two")]
    answers = []
    with (
        started(chats[0]),
        running(make_front(directory / "nginx", [chat.socket for chat in chats])) as client,
    ):
        headers = join(client, "ann") | {"Idempotency-Key": '"k1"'}

        def post(**more: str) -> None:
            answers.append(client.ask("/api/messages", "POST", BODY, headers | more))

        posting = threading.Thread(target=post, kwargs=PREFER)
        posting.start()
        wait_until(lambda: client.ask("/api/messages").json["messages"])
        chats[0].kill()
        posting.join(HANGING_SECONDS)
        assert answers[0].status == 503
        assert "may have been done" in answers[0].json["detail"]
        with started(chats[1]):
            wait_until(lambda: client.ask("/healthz").status == 200)
            post()
            stored = client.ask("/api/messages").json["messages"]
    assert answers[1].status == 201
    assert [message["id"] for message in stored] == [answers[1].json["id"]]
