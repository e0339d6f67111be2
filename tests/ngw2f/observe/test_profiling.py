import pstats
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from werkzeug.test import Client as WSGIClient

from ngw2f.observe.profiling import OneProfileMiddleware
from ngw2f.server.service import Service
from tests.client import Client


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "profiles"


def functions(path: Path) -> set[str]:
    """Return the names of the functions in a profile."""
    return set(pstats.Stats(str(path)).get_stats_profile().func_profiles)


def test_each_request_leaves_a_profile(build: Callable[..., Service], directory: Path) -> None:
    client = Client(build(profile_dir=str(directory)))
    client.get("/api/messages", status=200)
    client.get("/", status=200)
    names = sorted(path.name.split(".")[:3] for path in directory.iterdir())
    assert [name[:2] for name in names] == [["GET", "api"], ["GET", "root"]]
    (profile,) = directory.glob("GET.api.messages.*")
    assert "list_versions" in functions(profile)


def test_streams_are_not_profiled(build: Callable[..., Service], directory: Path) -> None:
    service = build(profile_dir=str(directory))
    answer = WSGIClient(service).get("/events", headers={"Accept": "text/event-stream"})
    answer.close()
    assert not directory.exists()


def test_off_unless_asked_for(client: Client, tmp_path: Path) -> None:
    client.get("/api/messages", status=200)
    assert not list(tmp_path.rglob("*.prof"))


def test_one_at_a_time(directory: Path) -> None:
    """A request within a request: the inner one is answered, and not profiled."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        if environ["PATH_INFO"] == "/outer":
            assert WSGIClient(profiled).get("/inner").text == "hello"
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    profiled = OneProfileMiddleware(app, directory=directory, exempt=lambda _environ: False)
    assert WSGIClient(profiled).get("/outer").text == "hello"
    assert [path.name.split(".")[1] for path in directory.iterdir()] == ["outer"]


def test_free_again_after_an_error(directory: Path) -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        raise ZeroDivisionError

    profiled = OneProfileMiddleware(app, directory=directory, exempt=lambda _environ: False)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            WSGIClient(profiled).get("/")
    assert profiled._is_free.acquire(blocking=False)


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/" + "a" * 5000, "/a\n\0b", "/%2e%2e%2fb"])
def test_no_path_leaves_the_folder(directory: Path, path: str) -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    profiled = OneProfileMiddleware(app, directory=directory, exempt=lambda _environ: False)
    environ = {"REQUEST_METHOD": "G/T", "PATH_INFO": path}
    assert b"".join(profiled(environ, lambda *_: BytesIO().write)) == b"hello"
    assert len(list(directory.iterdir())) == 1
