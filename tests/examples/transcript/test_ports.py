"""A transcript names the ports that a person types, and is played on others."""

import re
from pathlib import Path

import pytest

from examples.transcript.playing import play
from examples.transcript.ports import Ports
from examples.transcript.stage import Stage


@pytest.fixture
def ports() -> Ports:
    return Ports()


@pytest.mark.parametrize(
    "text",
    ["telnet localhost {}", "listen 127.0.0.1:{};", "curl http://localhost:{}/", "serve {} &"],
)
def test_port_in_a_command_is_another(ports: Ports, text: str) -> None:
    assert ports.in_command(text.format(8080)) == text.format(ports["8080"])
    assert ports["8080"] not in ("8080", ports["8000"])


@pytest.mark.parametrize("text", ["head -c 80801", "a-8080.txt", "8080.txt", "7080", "8100"])
def test_other_numbers_stay(ports: Ports, text: str) -> None:
    assert ports.in_command(text) == text


@pytest.mark.parametrize(
    "line", ["Location: http://localhost:8000/a", "SERVER_PORT = '8000'", "Host: [::1]:8000"]
)
def test_port_that_is_seen_is_another(ports: Ports, line: str) -> None:
    seen = ports.in_seen(line)
    assert seen == line.replace("8000", ports["8000"])
    assert ports.as_written(seen.encode()) == line.encode()


def test_length_that_is_seen_stays(ports: Ports) -> None:
    assert ports.in_seen("Content-Length: 8000") == "Content-Length: 8000"


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("gunicorn hello:application", ["8000"]),
        ("A=1 gunicorn hello:application 8001", ["8000", "8001"]),
        ("gunicorn --bind 127.0.0.1:8002 hello:application", ["8002"]),
        ("python -m ngw2f serve", ["8000"]),
        ("sh valkey.sh 8001", ["8001"]),
        ("sleep 1", []),
    ],
)
def test_ports_on_which_a_command_serves(ports: Ports, command: str, named: list[str]) -> None:
    assert ports.named_in(command) == [ports[port] for port in named]


def test_folder_is_played_as_a_copy(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("listen 8080;")
    (tmp_path / "text.txt").write_text("8080")
    transcript = tmp_path / "it.telnet"
    transcript.write_text("$ cat nginx.conf text.txt\n< listen 8080;8080\\\n$ touch new\n")
    play(transcript)
    assert not (tmp_path / "new").exists()
    with Stage(tmp_path) as stage:
        assert re.fullmatch(r"listen \d{5};", (stage.directory / "nginx.conf").read_text())
        assert (stage.directory / "text.txt").read_text() == "8080"


def test_daemon_is_stopped_by_the_id_that_it_wrote(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.run("(exec -a daemon sleep 600 & echo $! > daemon.pid) > /dev/null 2>&1")
        pid = (stage.directory / "daemon.pid").read_text().strip()
        assert stage.run(f"kill -0 {pid}; echo $?") == b"0\n"
    with Stage(tmp_path) as stage:
        assert b"No such process" in stage.run(
            f"for i in $(seq 600); do kill -0 {pid} || exit; sleep 0.1; done"
        )
