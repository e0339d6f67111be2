"""The history of Flack: each version passes the same session, and its document is current."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from examples.steps import diffs
from examples.transcript.playing import play
from tests.examples.needs import lacking_as_in_transcripts

# What runs, by the function that does it and the version.
Begun = dict[tuple[Callable[..., Any], str], Future[Any]]

STEPS = diffs.STEPS
VERSIONS = sorted(path.name for path in STEPS.glob("v??"))
# v01 is played as it is, with the other transcripts; v06 has the program of v05.
PLAYED = ["v02", "v03", "v04", "v05", "v07", "v08", "v09", "v10", "v11", "v12"]
# By their own command, or as the version before.
TESTED_ELSEWHERE = {"v05", "v06", "v12"}
FIRST = "$ python -m v01.flack 8000 &"
# They wait as much as they compute.
AT_A_TIME = 3
# Flack's diff of a screen.
MAX_DIFF_LINES = 45


def command_of(version: str) -> str:
    """Return the command that serves a version, as its README has it."""
    if version <= "v03":
        return f"$ python -m {version}.flack 8000 &"
    if version <= "v11":
        return f"$ python -m {version}.manage runserver 8000 &"
    return f"$ gunicorn -c {version}/gunicorn_conf.py {version}.wsgi &"


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the folder, where tests may leave something."""
    unwanted = shutil.ignore_patterns("__pycache__", "*.db")
    return shutil.copytree(STEPS, tmp_path_factory.mktemp("copied") / "steps", ignore=unwanted)


@pytest.fixture(scope="module")
def begun(request: pytest.FixtureRequest, steps: Path) -> Iterator[Begun]:
    """Begin what was selected and takes long, a few at a time; return the futures."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        futures: Begun = {}
        for item in request.session.items:
            if not isinstance(item, pytest.Function) or item.path != request.path:
                continue
            if "begun" not in item.fixturenames:
                continue
            call: Any = getattr(item, "callspec", None)
            version = call.params["version"] if call else "all"
            run = BEGUN[item.originalname or item.name]
            futures[run, version] = pool.submit(run, steps, version)
        yield futures
        pool.shutdown(cancel_futures=True)


def run_tests(steps: Path, _all: str) -> subprocess.CompletedProcess[str]:
    modules = [
        ".".join(path.relative_to(steps).with_suffix("").parts)
        for path in sorted([*steps.glob("v*/tests.py"), *steps.glob("v*/tests/test_*.py")])
        if path.relative_to(steps).parts[0] not in TESTED_ELSEWHERE
    ]
    return run_python(steps, "-m", "unittest", *modules)


def test_tests_of_the_versions_pass(
    begun: Begun,
) -> None:
    ran = begun[run_tests, "all"].result()
    assert ran.returncode == 0, ran.stderr
    assert f"Ran {3 * (len(VERSIONS[3:]) - len(TESTED_ELSEWHERE))} tests" in ran.stderr


def manage_tests(steps: Path, version: str) -> subprocess.CompletedProcess[str]:
    return run_python(steps, "-m", f"{version}.manage", "test")


# What the two find is a file in one, and a folder in the other.
@pytest.mark.parametrize("version", ["v05", "v06"])
def test_manage_runs_the_tests(version: str, begun: Begun) -> None:
    ran = begun[manage_tests, version].result()
    assert ran.returncode == 0, ran.stderr
    assert "Ran 3 tests" in ran.stderr


def run_python(steps: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=steps, capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip


def play_session(steps: Path, version: str) -> None:
    session = (steps / "flack.telnet").read_text(encoding="utf-8")
    assert FIRST in session
    path = steps / f"{version}.telnet"
    path.write_text(session.replace(FIRST, command_of(version)), encoding="utf-8")
    play(path)


@pytest.mark.parametrize("version", PLAYED)
def test_refactoring_is_not_seen_from_outside(version: str, begun: Begun) -> None:
    with lacking_as_in_transcripts():
        begun[play_session, version].result()


BEGUN = {
    "test_tests_of_the_versions_pass": run_tests,
    "test_manage_runs_the_tests": manage_tests,
    "test_refactoring_is_not_seen_from_outside": play_session,
}


def files_of(version: str) -> list[Path]:
    """Return what a version has, but for empty files."""
    found = (STEPS / version).rglob("*")
    return [path for path in found if path.suffix in {".py", ".conf"} and path.stat().st_size]


def test_no_file_is_there_twice() -> None:
    files = [path for version in VERSIONS for path in files_of(version)]
    written = [path.read_bytes() for path in files if not path.is_symlink()]
    assert len(written) == len(set(written))


def test_links_lead_straight_to_an_earlier_version() -> None:
    links = [path for version in VERSIONS for path in files_of(version) if path.is_symlink()]
    assert links
    for path in links:
        written = Path(os.path.normpath(path.parent / path.readlink()))
        assert not written.is_symlink()
        assert not path.readlink().is_absolute()
        assert written.relative_to(STEPS).parts[0] < path.relative_to(STEPS).parts[0]


@pytest.mark.parametrize(("version", "before"), [("v06", "v05"), ("v12", "v11")])
def test_application_does_not_change(version: str, before: str) -> None:
    there = {
        name: {path.relative_to(STEPS / name): path.resolve() for path in files_of(name)}
        for name in (version, before)
    }
    changed = {path for path, file in there[before].items() if there[version].get(path) != file}
    assert not {path for path in changed if path.parts[0] == "flack"}


def test_nginx_is_the_same_until_there_is_a_stream() -> None:
    configurations = [(STEPS / name / "nginx.conf").read_text() for name in VERSIONS[11:]]
    assert configurations[:3] == [(STEPS.parent / "gunicorn" / "nginx.conf").read_text()] * 3
    added = set(configurations[3].splitlines()) - set(configurations[0].splitlines())
    assert "            proxy_buffering off;" in added


@pytest.fixture(scope="module")
def document() -> str:
    return diffs.DOCUMENT.read_text(encoding="utf-8")


def test_document_has_the_diffs_of_the_folders(document: str) -> None:
    assert diffs.made_current(document) == document, "python -m examples.steps.diffs makes it so"


def test_old_diff_is_replaced() -> None:
    marker = "<!-- v14/flack/jobs.py -> v15/flack/jobs.py:render -->\n```diff\n"
    made = diffs.made_current(f"{marker}+old\n```\nafter\n")
    assert "+old" not in made
    assert "+    publish(Redis.from_url(config.redis_url), rendered)\n" in made
    assert made.endswith("```\nafter\n")
    assert diffs.made_current(made) == made


def test_each_step_has_its_reason_its_place_and_a_diff_of_a_screen(document: str) -> None:
    parts = re.split(r"(?m)^### ", document)[1:]
    assert [part[:1] == "v" for part in parts].count(False) == 1
    for part in parts:
        before_place, place, after = part.partition("\n\nIn NGW2F: ")
        assert place
        # What was wrong, above the place.
        assert len(before_place.split()) > 25
        [diff] = re.findall(r"(?m)^```diff\n((?:.*\n)*?)```$", after)
        assert 5 < len(diff.splitlines()) <= MAX_DIFF_LINES


def test_diffs_go_through_all_versions(document: str) -> None:
    compared = [match[2][:3] for match in diffs.SHOWN.finditer(document)]
    assert list(dict.fromkeys(sorted(compared))) == VERSIONS[1:]


def test_places_of_the_document_are_there(document: str) -> None:
    paths = re.findall(r"\]\(([^)#]+)\)", document)
    missing = [path for path in paths if not (diffs.DOCUMENT.parent / path).exists()]
    assert not missing
    transcripts = set(re.findall(r"`(\w+\.telnet)`", document))
    assert transcripts <= {path.name for path in STEPS.glob("*.telnet")}
