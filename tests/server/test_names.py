"""A data directory may have any name."""

import os
import subprocess
import sys
from pathlib import Path

from tests.server.server import ROOT, Server
from tests.waiting import wait_until

# What means something in a URL, a shell, a pattern of files, a format, an option.
NAME = "-a b#c?d=e&f%2Fg%25s%(h)s\"i'j[k]*{l}$HOME;~\\m:n,@\u00e9\u4e2d"

# The processes find each other's counts.
COUNTED = "ngw2f_render_seconds_count"


def test_data_directory_may_have_any_name(tmp_path: Path) -> None:
    directory = tmp_path / NAME
    server = Server(directory)
    try:
        server.wait_until_ready()
        ann = server.join("ann")
        posted = server.post("/api/messages", json={"source": "*hello*"}, headers=ann)
        assert posted.status_code == 201
        server.wait_until_rendered()
        wait_until(lambda: COUNTED in server.get("/metrics").text)
        assert {"chat.sqlite3", "valkey", "metrics", "groups.clock"} <= set(os.listdir(directory))
        assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [NAME]
        environ = {**os.environ, "NGW2F_DATA_DIR": str(directory)}
        for command in (["backup", str(tmp_path / "copy?#")], ["doctor"], ["jobs"]):
            done = subprocess.run(
                [sys.executable, "-m", "ngw2f", *command],
                cwd=ROOT, env=environ, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
    finally:
        server.stop()
