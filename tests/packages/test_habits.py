"""The Makefile, hooks, workflows and links agree with each other and with the repository."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.distributions import ROOT
from tests.matrix.pythons import VERSIONS

MAKEFILE = (ROOT / "Makefile").read_text()
YAML = [*ROOT.glob(".github/**/*.yml"), ROOT / ".pre-commit-config.yaml"]


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def rule(target: str) -> list[str]:
    """Return the commands of a target, as the Makefile has them."""
    match = re.search(rf"(?m)^{target}:.*\n((?:\t.*\n)+)", MAKEFILE)
    assert match, target
    return [
        line.strip().lstrip("@").replace("$(BIN)", ".venv/bin") for line in match[1].splitlines()
    ]


@pytest.mark.parametrize("path", YAML, ids=lambda path: path.name)
def test_file_can_be_read(path: Path) -> None:
    assert load(path)


def test_hooks_are_the_checks() -> None:
    [repository] = load(ROOT / ".pre-commit-config.yaml")["repos"]
    assert [hook["entry"] for hook in repository["hooks"]] == rule("check")


def test_workflow_runs_the_commands_of_the_repository() -> None:
    jobs = load(ROOT / ".github/workflows/ci.yml")["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert ".ci/run" in commands
    targets = {word for command in commands for word in re.findall(r"\bmake (\S+)", command)}
    assert targets
    for target in targets:
        assert re.search(rf"(?m)^{re.escape(target)}:", MAKEFILE), target
    modules = {
        name for command in commands for name in re.findall(r"python -m (tests\S+)", command)
    }
    assert all((ROOT / f"{name.replace('.', '/')}.py").exists() for name in modules)


def test_every_supported_python_is_tried() -> None:
    jobs = load(ROOT / ".github/workflows/ci.yml")["jobs"]
    assert jobs["middleware"]["strategy"]["matrix"]["python"] == VERSIONS
    oldest, newest = VERSIONS[0], [each for each in VERSIONS if not each.endswith("t")][-1]
    assert jobs["chat"]["strategy"]["matrix"]["python"] == [oldest, newest]
    own = tomllib.loads((ROOT / "packages/middleware/pyproject.toml").read_text())
    assert own["project"]["requires-python"] == f">={oldest}"
    assert f"python_requires = >={oldest}" in (ROOT / "setup.cfg").read_text()


def test_container_installs_what_the_tests_need() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    command = container["postCreateCommand"]
    wanted = {"make", "nginx", "chromium", "nodejs", "npm", "redis-server", "openssl", "curl"}
    assert wanted <= set(command.split())
    assert "make .venv/.test" in command


@pytest.mark.parametrize("name", ["SECURITY.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(name: str) -> None:
    text = (ROOT / name).read_text()
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (ROOT / link).exists(), link
