"""A release: its version, its section of the changelog, its tag."""

import datetime
import shutil
import subprocess
from pathlib import Path

import pytest

from packages.release import CHANGELOG, PLACES, NotReadyError, current_version, main, release
from tests.distributions import ROOT

DAY = datetime.date(2027, 1, 2)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a repository with what a release changes."""
    for name in PLACES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / CHANGELOG).write_text("# Changelog\n\n## Unreleased\n\n- New.\n\n## 0.1.0 - 2026\n")
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "config", "user.name", "A")
    git(tmp_path, "config", "user.email", "a@example.org")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "All")
    return tmp_path


def git(root: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


class Runner:
    """Runs git, and notes what `make` would do; that fails if it is told so."""

    def __init__(self, root: Path, *, fails: bool = False) -> None:
        self.root = root
        self.fails = fails
        self.made: list[list[str]] = []

    def __call__(self, command: list[str]) -> None:
        if command[0] == "make":
            assert current_version(self.root) == "0.2.0"
            self.made.append(command)
            if self.fails:
                raise subprocess.CalledProcessError(2, command)
            return
        subprocess.run(command, cwd=self.root, check=True)


def test_release(root: Path) -> None:
    run = Runner(root)
    release("0.2.0", root, run, DAY)
    assert current_version(root) == "0.2.0"
    assert run.made == [["make", "check", "dist"]]
    assert (root / CHANGELOG).read_text() == (
        "# Changelog\n\n## Unreleased\n\n## 0.2.0 - 2027-01-02\n\n- New.\n\n## 0.1.0 - 2026\n"
    )
    assert git(root, "status", "--porcelain") == ""
    assert git(root, "log", "-1", "--format=%s").strip() == "Release 0.2.0"
    assert git(root, "tag", "--list", "--format=%(contents)").split() == ["0.2.0", "-", "New."]


def test_nothing_changes_if_a_check_fails(root: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        release("0.2.0", root, Runner(root, fails=True), DAY)
    assert current_version(root) == "0.1.0"
    assert git(root, "status", "--porcelain") == ""
    assert git(root, "tag") == ""


@pytest.mark.parametrize("version", ["0.1.0", "0.0.9", "1", "v0.2.0", "0.2.0rc1"])
def test_version_must_be_a_newer_one(root: Path, version: str) -> None:
    with pytest.raises(NotReadyError):
        release(version, root, Runner(root), DAY)
    assert git(root, "status", "--porcelain") == ""


def test_there_must_be_something_to_say(root: Path) -> None:
    (root / CHANGELOG).write_text("# Changelog\n\n## Unreleased\n\n## 0.1.0 - 2026\n")
    with pytest.raises(NotReadyError, match="nothing under Unreleased"):
        release("0.2.0", root, Runner(root), DAY)


def test_versions_must_agree(root: Path) -> None:
    (root / "setup.cfg").write_text("    ngw2f-middleware==0.0.1\n")
    with pytest.raises(NotReadyError, match="differ"):
        release("0.2.0", root, Runner(root), DAY)


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert main(["0.0.1"]) == 1
    assert "not newer" in capsys.readouterr().err
