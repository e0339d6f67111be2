"""The `ngw2f` command in a checkout, and with a service's environment."""

import os
import pwd
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import operate
from deploy.operate import read_environment, read_unit

ROOT = Path(__file__).parents[2]


def test_environment_is_read_as_systemd_reads_it() -> None:
    """A shell would replace `$c`, and end the command at `;`."""
    text = """
# A comment = 1
; another = 2
A=1
 B = redis://:a$c;d@h/0
C="two words"
D='it$s'
nothing
"""
    assert read_environment(text.splitlines()) == {
        "A": "1",
        "B": "redis://:a$c;d@h/0",
        "C": "two words",
        "D": "it$s",
    }


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a checkout elsewhere, with the command as the Makefile puts it there."""
    programs = tmp_path / "check out" / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("ngw2f", "deploy", "nginx", "middleware", "settings.toml"):
        (tmp_path / "check out" / name).symlink_to(ROOT / name)
    python = programs / "python"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    rule = (ROOT / "Makefile").read_text().partition(".venv/bin/ngw2f:")[2].splitlines()[1]
    assert rule.strip() == "@cp deploy/command.sh $@"
    (programs / "ngw2f").write_bytes((ROOT / "deploy" / "command.sh").read_bytes())
    (programs / "ngw2f").chmod(0o755)
    return tmp_path / "check out"


def run(command: list[str | Path], directory: Path, **changes: str) -> str:
    environ = {name: text for name, text in os.environ.items() if not name.startswith("NGW2F_")}
    told = subprocess.run(
        command, cwd=directory, env=environ | changes, capture_output=True, text=True
    )
    return told.stdout + told.stderr


def test_command_of_a_checkout(checkout: Path) -> None:
    said = run([".venv/bin/ngw2f", "doctor"], checkout)
    assert "read, for development; data in " in said
    assert "Traceback" not in said


def test_command_may_be_called_by_a_link(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(checkout / ".venv" / "bin" / "ngw2f")
    assert "read, for development" in run([tmp_path / "link", "doctor"], tmp_path)


def test_environment_of_the_stack(checkout: Path, tmp_path: Path) -> None:
    file = tmp_path / "environment"
    file.write_text(f"NGW2F_ENV=production\nNGW2F_DATA_DIR={tmp_path}/data\n")
    command: list[str | Path] = [sys.executable, "-m", "deploy.operate", "--environment", file]
    said = run([*command, "doctor"], ROOT)
    assert f"read, for production; data in {tmp_path}/data" in said


def test_missing_environment_is_one_line(tmp_path: Path) -> None:
    command: list[str | Path] = [sys.executable, "-m", "deploy.operate"]
    (line,) = run([*command, f"--environment={tmp_path}/none", "doctor"], ROOT).splitlines()
    assert line.startswith(f"ngw2f: {tmp_path}/none is not there; ")


# What is true when the command is begun.
AS_SERVICE = """
import os, sys
from pathlib import Path
from deploy import operate
operate.UNIT = Path(sys.argv[1])
operate.os.execv = lambda program, argv: print(
    os.getuid(), os.getgid(), oct(os.umask(0)), argv[2:], os.getenv("NGW2F_X"), os.getenv("NGW2F_Y")
)
operate.main(sys.argv[2:])
"""


def test_service_has_its_user_and_its_environment(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    nobody = pwd.getpwnam("nobody")
    secret = tmp_path / "environment"
    secret.write_text("NGW2F_X=file\n")
    secret.chmod(0o600)
    unit = tmp_path / "unit"
    unit.write_text(
        f"[Service]\nWorkingDirectory={ROOT}\nEnvironmentFile={secret}\n"
        "Environment=NGW2F_Y=unit\nUser=nobody\n"
    )
    said = run([sys.executable, "-c", AS_SERVICE, unit, "backup", "x"], ROOT)
    command = ["-m", "ngw2f", "backup", "x"]
    assert said == f"{nobody.pw_uid} {nobody.pw_gid} 0o77 {command} file unit\n"


def test_shipped_unit_says_all() -> None:
    unit = read_unit(operate.UNIT)
    assert unit["User"] == "ngw2f"
    assert unit["EnvironmentFile"] == "/etc/ngw2f/environment"
    assert read_environment([unit["Environment"]]) == {"NGW2F_DATA_DIR": "/var/lib/ngw2f"}
