"""The plugin, called by hand and in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from middleware.xray import Recording, plugin, record
from tests.middleware.serving import answering, serve

ROOT = Path(__file__).parents[3]
TESTS = """
from middleware.xray import record


def app(environ, start_response):
    start_response("200 OK", [])
    return []


def ask(path):
    recorded = record(app)
    recorded({"REQUEST_METHOD": "GET", "PATH_INFO": path}, lambda *arguments: None).close()


def test_passing():
    ask("/passing")


def test_silent():
    assert False


def test_failing():
    ask("/first")
    ask("/failing")
    assert False
"""


def test_ladder_of_the_last_request_is_shown(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=."]
    # Where the package is installed it would be there a second time.
    command += ["-p", "no:xray", "-p", "middleware.xray.plugin", str(tmp_path / "test_it.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "1 passed" in done.stdout, done.stdout
    assert done.stdout.count("X-ray of the last request") == 1
    assert "GET /failing\n200 OK" in done.stdout


def sections_of(when: str, failed: bool) -> list[tuple[str, str]]:
    """Return what the plugin adds to a report."""
    report: Any = SimpleNamespace(failed=failed, sections=[])
    call: Any = SimpleNamespace(when=when)
    running = plugin.pytest_runtest_makereport(cast("Any", None), call)
    next(running)
    with pytest.raises(StopIteration) as end:
        running.send(report)
    assert end.value.value is report
    return cast("list[tuple[str, str]]", report.sections)


def test_ladder_is_a_section_of_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recording, "latest", None)
    recorded = record(answering())
    serve(recorded, "/a")
    ((title, text),) = sections_of("call", failed=True)
    assert title == "X-ray of the last request"
    assert text.startswith("GET /a\n200 OK")


@pytest.mark.parametrize(("when", "failed"), [("call", False), ("setup", True)])
def test_other_reports_stay_as_they_are(
    when: str, failed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recording, "latest", None)
    serve(record(answering()), "/a")
    assert sections_of(when, failed) == []


def test_recordings_of_other_tests_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recording, "latest", None)
    serve(record(answering()), "/a")
    plugin.pytest_runtest_setup(cast("Any", None))
    assert sections_of("call", failed=True) == []
