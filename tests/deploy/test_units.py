"""The units, as systemd reads them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.renew import RELOAD_SECONDS
from tests.needs import lacking

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
# Where they expect what is run; it must be there to be found right.
PROGRAMS = "/srv/ngw2f/.venv/bin"
SERVICES = ["ngw2f-web@1.service", "ngw2f-worker.service"]


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze") or lacking("systemd-analyze", "apt install systemd")
    command = [program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    for unit in UNITS.iterdir():
        text = unit.read_text().replace(PROGRAMS, str(Path(sys.executable).parent))
        (tmp_path / unit.name.replace("@.", "@1.")).write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", SERVICES)
def test_systemd_finds_nothing(units: Path, name: str) -> None:
    found = analyze("verify", "--man=no", str(units / name))
    # Other units of the machine may have mistakes of their own.
    assert "ngw2f" not in found.stdout + found.stderr
    assert found.returncode == 0, found.stderr


def test_systemd_finds_mistakes(units: Path) -> None:
    """The check can fail."""
    unit = units / "ngw2f-worker.service"
    unit.write_text(unit.read_text().replace("WatchdogSec=60", "WatchdogSec=sixty"))
    assert "sixty" in analyze("verify", "--man=no", str(unit)).stderr


@pytest.mark.parametrize("name", SERVICES)
def test_exposure_is_small(units: Path, name: str) -> None:
    """In tenths; newer versions of systemd look at more."""
    found = analyze("security", "--offline=true", "--threshold=15", str(units / name))
    assert found.returncode == 0, found.stdout[-200:]


@pytest.mark.parametrize("name", ["ngw2f-web@.service", "ngw2f-worker.service"])
def test_watchdog_is_told_of(name: str) -> None:
    lines = (UNITS / name).read_text().splitlines()
    assert {"Type=notify", "NotifyAccess=main", "WatchdogSec=60", "Restart=always"} <= set(lines)


def test_reload_finds_what_was_started() -> None:
    """By the pid file, which lies where the service may write."""
    lines = (UNITS / "ngw2f-web@.service").read_text().splitlines()
    (start,) = (line for line in lines if line.startswith("ExecStart="))
    (renew,) = (line for line in lines if line.startswith("ExecReload="))
    pid_file = "/run/ngw2f/web-%i/pid"
    assert f"--pid {pid_file} " in start
    assert renew.endswith(f"python -m deploy.renew reload {pid_file}")
    assert "RuntimeDirectory=ngw2f/web-%i" in lines


def test_systemd_waits_for_a_reload() -> None:
    text = (UNITS / "ngw2f-web@.service").read_text()
    (seconds,) = re.findall(r"^TimeoutStartSec=(\d+)$", text, re.MULTILINE)
    assert int(seconds) > RELOAD_SECONDS
