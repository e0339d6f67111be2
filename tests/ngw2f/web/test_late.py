"""What is loaded at its first use only, and how others fare meanwhile."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from ngw2f.web import late
from ngw2f.web.late import LateSocketIOGateway, load
from tests.waiting import HANGING_SECONDS

LATE = {"socketio", "engineio", "valkey", "prometheus_client"}


def test_application_loads_none_of_it(tmp_path: Path) -> None:
    program = f"import sys, app; sys.exit(' '.join({LATE} & set(sys.modules)) or None)"
    environ = {"NGW2F_DATA_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", program], env=environ, check=True)


def test_event_loop_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module waits for a byte that only the event loop can send."""
    reader, writer = os.pipe()
    (tmp_path / "loaded_late.py").write_text(
        f"import select\nheard = select.select([{reader}], [], [], {HANGING_SECONDS})[0]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    gevent.spawn(os.write, writer, b".")
    assert load("loaded_late").heard == [reader]
    os.close(reader)
    os.close(writer)


def test_two_first_clients_share_a_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Made:
        def __init__(self, _services: object) -> None:
            made.append(self)

        def serve(self, *_: object) -> object:
            return self

    def load_slowly(_name: str) -> Any:
        gevent.sleep(0.01)
        return SimpleNamespace(SocketIOGateway=Made)

    monkeypatch.setattr(late, "load", load_slowly)
    nothing: Any = None
    gateway = LateSocketIOGateway(nothing)
    clients = [gevent.spawn(gateway.serve, nothing, nothing) for _ in range(2)]
    gevent.joinall(clients)
    assert [client.value for client in clients] == made * 2
