import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import WSGIApplication

import pytest

from ngw2f.commands import cli
from ngw2f.server.service import Service
from ngw2f.settings import Settings

KEY = "0123456789abcdef"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Have the command read the settings of this test's chat."""
    monkeypatch.setattr("ngw2f.commands.xray.load_settings", lambda: settings)


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def serving(app: WSGIApplication) -> Iterator[str]:
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    cli.main(["xray", *arguments])
    return capsys.readouterr().out


@pytest.mark.usefixtures("here")
def test_this_process_answers_unless_a_server_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "get", "/api/messages?limit=1").splitlines()
    assert lines[0] == "GET /api/messages?limit=1"
    assert lines[1].startswith("200 OK, ")
    assert lines[2] == "answered by chat: it called nothing below"
    assert max(map(len, lines)) <= 80
    assert not any("\x1b" in line for line in lines)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("more", "kind"),
    [
        (["-d", "{}"], "application/json"),
        (["-d", "a=1"], "application/x-www-form-urlencoded"),
        (["-d", "a=1", "-H", "content-type: text/plain"], "text/plain"),
    ],
)
def test_body_and_fields_are_sent(
    capsys: pytest.CaptureFixture[str], more: list[str], kind: str
) -> None:
    def app(environ: dict[str, object], start_response: Callable[..., object]) -> Iterable[bytes]:
        found.append((environ["REQUEST_METHOD"], environ["CONTENT_TYPE"], environ["HTTP_A"]))
        found.append(environ["wsgi.input"].read(int(str(environ["CONTENT_LENGTH"]))))  # type: ignore[attr-defined]
        start_response("200 OK", [("X-Ray", "1-1")])
        return [b"ladder\n"]

    found: list[object] = []
    with serving(app) as url:
        assert printed(capsys, "POST", "/a", "-H", "A: b", "--url", url, *more) == "ladder\n"
    assert found == [("POST", kind, "b"), more[1].encode()]


@pytest.mark.usefixtures("here")
def test_this_process_takes_bodies_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert "\n400 BAD REQUEST, " in printed(capsys, "POST", "/api/users", "-d", "{}")


def test_running_server_is_asked_with_a_signed_field(
    build: Callable[..., Service],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    service = build(xray_key=KEY)
    settings = service.services.core.settings
    monkeypatch.setattr("ngw2f.commands.xray.load_settings", lambda: settings)
    with serving(service) as url:
        assert printed(capsys, "GET", "/healthz", "--url", url).startswith("GET /healthz\n200 OK")


@pytest.mark.usefixtures("here")
def test_open_server_is_asked_without_a_key(
    build: Callable[..., Service], capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(build(xray=True)) as url:
        assert printed(capsys, "GET", "/healthz", "--url", f"{url}/").startswith("GET /healthz\n")


@pytest.mark.usefixtures("here")
def test_server_without_xray_is_told_from_a_ladder(service: Service) -> None:
    with serving(service) as url, pytest.raises(SystemExit, match="answered 200, and showed no"):
        cli.main(["xray", "GET", "/healthz", "--url", url])


@pytest.mark.usefixtures("here")
def test_unreachable_server_is_one_line() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        with pytest.raises(SystemExit, match=f"^ngw2f: {url}: .*refused"):
            cli.main(["xray", "GET", "/", "--url", url])


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("no_colour", "is_coloured"), [("", True), ("1", False)])
def test_terminal_gets_colours(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    no_colour: str,
    is_coloured: bool,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", no_colour)
    assert ("\x1b[32m" in printed(capsys, "GET", "/healthz")) is is_coloured


@pytest.mark.usefixtures("here")
def test_stream_needs_a_server() -> None:
    with pytest.raises(SystemExit, match="--url"):
        cli.main(["xray", "GET", "/events"])


def test_chat_without_a_database_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(
        "ngw2f.commands.xray.load_settings", lambda: Settings(data_dir=str(tmp_path))
    )
    with pytest.raises(SystemExit, match="there is no database"):
        cli.main(["xray", "GET", "/"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["GET", "api"],
        ["GET", "/a b"],
        ["GET", "/ä"],
        ["GET", "/", "-H", "a"],
        ["GET", "/", "-H", "a: \n"],
        ["GET", "/", "--url", "ftp://a"],
        ["GET", "/", "--url", "127.0.0.1:8000"],
    ],
)
def test_wrong_argument(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["xray", *arguments])
    assert "error: argument" in capsys.readouterr().err
