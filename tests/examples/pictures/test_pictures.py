"""The pictures of the tour: they show what was typed and seen, in a run now and in the docs."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from examples.demo import STEPS
from examples.pictures.__main__ import PICTURES, shortened
from examples.pictures.stops import STOPS, Stop
from examples.transcript.names import NAME
from examples.transcript.notation import parse
from examples.transcript.stage import Stage
from tests.examples.needs import lacking_as_in_transcripts

TEXT = re.compile(r"<text [^>]*>(.*)</text>")
NUMBERED = {f"{number}-{stop.folder}.svg": stop for number, stop in enumerate(STOPS, 1)}


def texts_of(path: Path) -> list[str]:
    return [unescape(text) for text in TEXT.findall(path.read_text(encoding="utf-8"))]


def lines_of(stop: Stop, *kinds: str) -> Iterator[str]:
    """Give the lines of a played transcript that are the same in each run, as they are drawn."""
    for step in parse(stop.transcript.read_text(encoding="utf-8")):
        for line in step.lines if step.kind in kinds else []:
            text = line.rstrip("\\") or "⏎"
            if not NAME.search(text) and not (stop.hidden and re.match(stop.hidden, text)):
                yield shortened(text)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Draw two stops that start quickly."""
    with lacking_as_in_transcripts(), Stage(PICTURES) as stage:
        stage.check("nginx: apt install nginx")
    directory = tmp_path_factory.mktemp("pictures")
    command = [sys.executable, "-m", "examples.pictures", str(directory), "http", "wsgi"]
    subprocess.run(command, cwd=PICTURES.parents[1], check=True, timeout=120)
    return directory


def test_each_stop_has_its_picture_in_the_docs() -> None:
    assert [stop.folder for stop in STOPS] == STEPS
    assert {path.name for path in PICTURES.glob("[0-9]*")} == set(NUMBERED)


@pytest.mark.parametrize("name", NUMBERED)
def test_picture_in_the_docs_is_of_what_is_played(name: str) -> None:
    texts = texts_of(PICTURES / name)
    assert not set(lines_of(NUMBERED[name], "typed", "seen")) - set(texts)
    assert texts[: len(NUMBERED[name].actors)] == NUMBERED[name].actors


@pytest.mark.parametrize("name", NUMBERED)
def test_picture_is_read_on_light_and_on_dark(name: str) -> None:
    svg = (PICTURES / name).read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in svg
    assert 'viewBox="0 0 760 ' in svg
    assert set(re.findall(r"font:[^;]* (\S+);", svg)) == {"sans-serif", "monospace"}


def test_command_draws_what_is_typed_and_seen(drawn: Path) -> None:
    assert {path.name for path in drawn.iterdir()} == {"1-http.svg", "3-wsgi.svg"}
    texts = texts_of(drawn / "1-http.svg")
    assert not set(lines_of(NUMBERED["1-http.svg"], "typed", "seen")) - set(texts)


@pytest.mark.parametrize(
    "order",
    [
        ["application(environ, start_response)", r"b'3\n'", r"b'2\n'", r"b'1\n'", "close()"],
        ["GET /close HTTP/1.0", "HTTP/1.0 200 OK", "3", "2", "1"],
        ["GET /close HTTP/1.0", "start_response('200 OK', [", r"b'3\n'", "HTTP/1.0 200 OK"],
    ],
    ids=["within the server", "on the wire", "from one to the other"],
)
def test_command_draws_in_the_order_of_the_run(drawn: Path, order: list[str]) -> None:
    texts = texts_of(drawn / "3-wsgi.svg")
    assert [text for text in texts if text in order] == order
