"""What a transcript has started ends, also what has left the terminal."""

import signal
import subprocess
from pathlib import Path

import pytest

from examples.transcript.stopping import stop_daemons


@pytest.mark.parametrize(
    "name", ["nginx.pid", "nginx.pid.oldbin", "gunicorn.pid.2", "v12/nginx.pid"]
)
def test_daemon_is_ended_by_the_file_that_has_its_id(tmp_path: Path, name: str) -> None:
    with subprocess.Popen(["sleep", "300"]) as daemon:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{daemon.pid}\n")
        try:
            stop_daemons(tmp_path)
            assert daemon.wait(60) == -signal.SIGTERM
        finally:
            daemon.kill()


def test_file_without_an_id_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "nginx.pid").write_text("")
    stop_daemons(tmp_path)


def test_daemon_that_has_just_gone(tmp_path: Path) -> None:
    """Its pid file is seen, and removed before it is read."""
    (tmp_path / "nginx.pid").symlink_to(tmp_path / "none")
    stop_daemons(tmp_path)
