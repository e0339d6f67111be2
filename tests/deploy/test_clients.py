"""What people come with works through nginx: browsers, Socket.IO's client, every stream."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chromium import launched_browser
from tests.deploy.chats import join
from tests.deploy.fleet import Fleet, running_fleet
from tests.deploy.followers import EVERY_KIND, Follower, following
from tests.deploy.network import unchanged_networks
from tests.live.server import RedisServer
from tests.needs import lacking
from tests.waiting import HANGING_SECONDS, wait_until

SCRIPT = Path(__file__).parent / "clients" / "chat.cjs"
WAIT_SECONDS = 60


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with tempfile.TemporaryDirectory(prefix="ngw2f-fleet-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        redis = RedisServer(directory)
        redis.start()
        try:
            with running_fleet(directory, "", redis.url) as fleet:
                yield fleet
        finally:
            redis.stop()


@pytest.fixture(scope="module")
def ann(fleet: Fleet) -> dict[str, str]:
    return join(fleet.client, "ann")


def say(fleet: Fleet, headers: dict[str, str], source: str) -> int:
    body = json.dumps({"source": source}).encode()
    answer = fleet.client.ask("/api/messages", "POST", body, headers)
    assert answer.status == 201
    return int(answer.json["id"])


def test_socketio_client_with_its_default_transports(
    fleet: Fleet, ann: dict[str, str], node_modules: Path
) -> None:
    node = shutil.which("node") or lacking("node", "apt-get install nodejs")
    token = ann["Authorization"].removeprefix("Bearer ")
    certificate = str(fleet.client.front.certificate)
    trusting = {**os.environ, "NODE_PATH": str(node_modules), "NODE_EXTRA_CA_CERTS": certificate}
    url = f"https://{fleet.client.host}"
    told = subprocess.run(
        [node, SCRIPT, url, token, "5"],
        env=trusting,
        capture_output=True,
        text=True,
        timeout=HANGING_SECONDS,
    )
    assert told.returncode == 0, told.stderr
    seen = json.loads(told.stdout)
    assert seen["transports"] == ["polling", "websocket"]
    assert sorted(seen["created"]) == [f"*{number}*" for number in range(5)]
    assert sorted(seen["rendered"]) == [f"<p><em>{number}</em></p>" for number in range(5)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched_browser() as browser:
        yield browser


def test_browsers_talk(fleet: Fleet, browser: Any) -> None:
    with unchanged_networks():
        # The certificate is one's own; what a browser says to that is not what is looked at.
        contexts = [browser.new_context(ignore_https_errors=True) for _ in range(2)]
        pages = [context.new_page() for context in contexts]
        for page, nickname in zip(pages, ["carl", "dora"], strict=True):
            page.set_default_timeout(WAIT_SECONDS * 1000)
            page.goto(f"https://{fleet.client.host}/")
            page.fill("[name=nickname]", nickname)
            page.fill("[name=password]", "open sesame")
            page.click("text=Sign in or register")
            # The nickname is new, and so asked for once more.
            page.wait_for_selector("button:text-is('Register')")
            page.fill("[name=password]", "open sesame")
            page.click("button:text-is('Register')")
            # The script sends what is written.
            page.wait_for_selector("html.scripted .composer")
        carl, dora = pages
        carl.fill("textarea", "hello **dora**")
        carl.press("textarea", "Enter")
        for page in pages:
            page.wait_for_selector(".message strong:text('dora')")
        used = dora.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol")
        assert used == "h2"
        for context in contexts:
            context.close()


@pytest.mark.parametrize("path", ["/api/messages", "/api/users?online=0"])
def test_what_has_not_changed_is_not_sent_again(
    fleet: Fleet, ann: dict[str, str], path: str
) -> None:
    for headers in ({}, {"Authorization": ann["Authorization"]}):
        etag = fleet.client.ask(path, headers=headers).headers["ETag"]
        again = fleet.client.ask(path, headers=headers | {"If-None-Match": etag})
        assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_stream_goes_out_at_once(
    fleet: Fleet, ann: dict[str, str], kind: type[Follower]
) -> None:
    with following(fleet.client, [kind]) as (follower,):
        for number in range(5):
            # A front that gathers would hold back what is so short.
            message = say(fleet, ann, str(number))
            wait_until(lambda: message in follower.created, WAIT_SECONDS)  # noqa: B023 # at once
        wait_until(lambda: message in follower.rendered, WAIT_SECONDS)
    assert follower.refusals == follower.breaks == []
    if kind.__name__ != "PollFollower":
        assert follower.opened == 1


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_stream_of_events_by_curl(fleet: Fleet, ann: dict[str, str], version: str) -> None:
    curl = shutil.which("curl") or lacking("curl", "apt-get install curl")
    client = fleet.client
    command = [curl, "-sN", "--max-time", "60", version, "--cacert", str(client.front.certificate)]
    command += ["-H", "Accept: text/event-stream", "-H", "Accept-Encoding: gzip"]
    with subprocess.Popen(
        [*command, f"https://{client.host}/events"], stdout=subprocess.PIPE
    ) as it:
        assert it.stdout is not None
        assert it.stdout.readline().startswith(b"retry:")
        message = say(fleet, ann, f"to curl by {version}")
        # What happened just before may still be told.
        events = (json.loads(line[6:]) for line in it.stdout if line.startswith(b"data: "))
        event = next(event for event in events if event["id"] == message and "source" in event)
        it.kill()
    assert event["source"] == f"to curl by {version}"
