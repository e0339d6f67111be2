"""What `import app` does to the world around it: nothing; and how the chain is built."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from werkzeug.routing import Map

from middleware.xray import Access, lint
from middleware.xray.middleware import XRayMiddleware
from ngw2f.paths import LONG_LIVED
from ngw2f.routes import build_url_map
from ngw2f.server.service import Service
from ngw2f.web.socketio import SocketIOGateway
from tests.client import BROWSER, Client

ROOT = Path(__file__).parent.parent

IMPORT = """
import os, sys

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# os.open() and open() alike say by flags what they open for.
EVENTS = {"os.mkdir", "os.rename", "os.remove", "os.symlink", "os.truncate", "socket.connect"}
done = []

def note(event, arguments):
    if event in EVENTS or (event == "open" and arguments[2] & WRITING):
        done.append((event, *map(str, arguments)))

sys.addaudithook(note)
import app
print(*done, end="")
"""


def test_import_changes_nothing(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NGW2F_")}
    environ |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", IMPORT]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert list(tmp_path.iterdir()) == []


KEY = "0123456789abcdef"


def xray_of(service: Service) -> XRayMiddleware:
    assert isinstance(service._chain, XRayMiddleware)
    return service._chain


def test_chain_has_no_probes_unless_asked(build: Callable[..., Service]) -> None:
    assert not isinstance(build()._chain, XRayMiddleware)


def test_request_is_answered_with_its_journey(build: Callable[..., Service]) -> None:
    client = Client(build(xray=True))
    client.get("/api/messages")
    ladder = client.get("/api/messages", headers={"X-Ray": "1"}).text
    assert "answered by cache: it called nothing below" in ladder
    assert "not reached: chat" in ladder
    assert "/api/messages" in client.get("/__xray__/", status=200).text


def test_only_a_signed_request_is_recorded_in_production(build: Callable[..., Service]) -> None:
    service = build(xray_key=KEY)
    client = Client(service)
    field = Access(key=KEY.encode()).sign()
    assert client.get("/api/messages", headers={"X-Ray": "1"}).content_type == "application/json"
    assert client.get("/__xray__/").status_int == 404
    assert not xray_of(service).recorder.traces
    ladder = client.get("/api/messages", headers={"X-Ray": field}).text
    assert ladder.startswith("GET /api/messages\n200 OK")
    assert field not in ladder
    assert client.get("/__xray__/", headers={"X-Ray": field}).status_int == 200


def test_what_is_set_on_recorded_actions_is_the_actions_own(build: Callable[..., Service]) -> None:
    recorded: Any = build(xray=True).services.actions.messages
    before = recorded.remove
    recorded.remove = lambda: "other"
    assert recorded.remove() == vars(recorded)["_actions"].remove() == "other"
    assert recorded.remove is not before


def paths_of(url_map: Map) -> set[tuple[str, str]]:
    """Return each method with each path, with something in place of its variables."""
    adapter = url_map.bind("localhost")
    found = set()
    for rule in url_map.iter_rules():
        values = {name: 1 if name.endswith("id") else "general" for name in rule.arguments}
        path = adapter.build(rule.endpoint, values, force_external=False)
        found |= {(method, path) for method in [*(rule.methods or ()), "OPTIONS"]}
    return {(method, path) for method, path in found if not path.startswith(LONG_LIVED)}


@pytest.mark.parametrize("backend", ["sqlite"])
def test_sound_chain_has_no_fault(build: Callable[..., Service]) -> None:
    service = build(xray=True, rate_limit=False)
    client = Client(service)
    headers = client.join("ann")
    client.say(headers, "hello")
    asked = sorted(paths_of(build_url_map(SocketIOGateway(service.services))))
    asked += [("GET", "/static/chat.css"), ("GET", "/healthz"), ("GET", "/nowhere")]
    for method, path in asked:
        for more in (headers, BROWSER, {"If-None-Match": "*"}, {"Range": "bytes=0-3"}):
            for _ in range(2):
                client.request(path, method=method, headers=more)
            for trace in xray_of(service).recorder.traces:
                assert [str(fault) for fault in lint(trace, slow_seconds=60)] == [], (method, path)
            xray_of(service).recorder.traces.clear()
    assert len(asked) > 40
