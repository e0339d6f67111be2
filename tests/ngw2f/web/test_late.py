"""What is loaded at its first use only, and how others fare meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

import gevent
import pytest

from ngw2f.web.late import load
from tests.waiting import HANGING_SECONDS

# Among them the dialect of the database that is not used.
LATE = {"valkey", "prometheus_client", "sqlalchemy.dialects.postgresql"}
# The server of Socket.IO is our own.
NEVER = {"socketio", "engineio"}


def test_application_loads_none_of_it(tmp_path: Path) -> None:
    program = f"import sys, app; sys.exit(' '.join({LATE | NEVER} & set(sys.modules)) or None)"
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
