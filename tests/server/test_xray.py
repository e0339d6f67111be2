"""X-ray on the real server: what one worker has recorded, each of them shows."""

import re
from collections.abc import Callable
from pathlib import Path

import requests

from tests.client import PASSWORD
from tests.server.server import Server
from tests.waiting import wait_until


def test_each_worker_shows_the_requests_of_all(
    start_web: Callable[..., Server], data_dir: Path
) -> None:
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

    def written() -> str:
        return "".join(file.read_text() for file in (data_dir / "xray").glob("*.traces"))

    # What has ended is written a moment later; then it does not matter which worker answers.
    wait_until(lambda: all(f" {identity} " in written() for identity in ids))
    assert all(ids <= listed() for _ in range(8))
    for identity in ids:
        shown = requests.get(f"{server.address}/__xray__/{identity}", timeout=60)
        assert shown.text.startswith("GET /healthz\n")
        assert f"worker: {int(identity.partition('-')[0], 16)}, ChatGeventWorker" in shown.text


def test_no_secret_of_the_chat_is_recorded(
    start_web: Callable[..., Server], data_dir: Path
) -> None:
    server = start_web(XRAY="true")
    bearer = server.join("ann")
    token = bearer["Authorization"].removeprefix("Bearer ")
    browser = requests.Session()
    form = {"nickname": "ann", "password": PASSWORD}
    browser.post(f"{server.address}/login", data=form, timeout=60)
    ticket = server.post("/api/tickets", headers=bearer).json()["ticket"]
    server.get("/api/messages", params={"token": token}, headers={"Referer": f"/?ticket={ticket}"})
    server.get("/login", params={"next": f"/rooms?token={token}"})
    message = {"room_id": 1, "source": "unheard-of"}
    server.post("/api/messages", json=message, headers=bearer)
    polling = "/socket.io/?EIO=4&transport=polling"
    (sid,) = re.findall('"sid":"(.+?)"', server.get(polling).text)
    server.post(f"{polling}&sid={sid}", data=f'40{{"token":"{token}"}}')
    server.get(f"/tasks/{ticket}")
    cookies = [cookie.value or "" for cookie in browser.cookies]
    secrets = [PASSWORD, token, ticket, sid, "unheard-of", *cookies]
    identities = [each["id"] for each in server.get("/__xray__/all.json").json()]
    assert len(identities) >= 10
    shown = [
        server.get(f"/__xray__/{name}{form}", headers={"Accept": accepted}).text
        for name in ("all", *identities)
        for form, accepted in (("", "text/html"), ("", "*/*"), (".json", "*/*"), (".har", "*/*"))
    ]
    # The last one is written a moment later than the others.
    (file,) = (data_dir / "xray").glob("*.traces")
    wait_until(lambda: b'"/tasks/[hidden]"' in file.read_bytes())
    shown.append(file.read_text())
    assert [secret for secret in secrets if any(secret in text for text in shown)] == []
