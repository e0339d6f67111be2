import signal
import subprocess

from examples.transcript.stopping import stop_daemons


def test_daemon_of_a_folder_below_is_ended(tmp_path):
    with subprocess.Popen(["sleep", "60"]) as daemon:
        below = tmp_path / "v12"
        below.mkdir()
        (below / "nginx.pid").write_text(f"{daemon.pid}\n")
        stop_daemons(tmp_path)
        assert daemon.wait(60) == -signal.SIGTERM
