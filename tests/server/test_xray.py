"""X-ray on the real server: what one worker has recorded, each of them shows."""

from collections.abc import Callable

import requests

from tests.server.server import Server
from tests.waiting import wait_until


def test_each_worker_shows_the_requests_of_all(start_web: Callable[..., Server]) -> None:
    server = start_web("--workers=2", XRAY="true")
    # Of each worker the latest, which is among the last 200 for certain.
    latest: dict[str, str] = {}

    def workers() -> set[str]:
        # The field in the answer is the trace's id, which begins with the number of its process.
        answer = requests.get(f"{server.address}/healthz", headers={"X-Ray": "1"}, timeout=60)
        identity = answer.headers["X-Ray"]
        latest[identity.partition("-")[0]] = identity
        return set(latest)

    wait_until(lambda: len(workers()) == 2)
    ids = set(latest.values())

    def listed() -> set[str]:
        found = requests.get(f"{server.address}/__xray__/all.json", timeout=60).json()
        return {each["id"] for each in found}

    # Whichever worker answers; what has ended is written a moment later.
    wait_until(lambda: all(ids <= listed() for _ in range(8)))
    for identity in ids:
        shown = requests.get(f"{server.address}/__xray__/{identity}", timeout=60)
        assert shown.text.startswith("GET /healthz\n")
        assert f"worker: {int(identity.partition('-')[0], 16)}, ChatGeventWorker" in shown.text
