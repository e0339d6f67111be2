import re
from collections.abc import Callable

import pytest
from webtest import TestResponse
from werkzeug import routing
from werkzeug.test import EnvironBuilder, run_wsgi_app

from ngw2f.paths import LONG_LIVED
from ngw2f.routes import build_url_map
from ngw2f.server.service import Service
from ngw2f.web.socketio import SocketIOGateway
from tests.client import BROWSER, Client

# How long something waits is another each time, and so may be the length of the number.
MEASURED = {"/metrics"}
# It is read as it is sent, so nobody knows the length before (RFC 9110 section 8.6).
STREAMED = {"/api/users/<id:user_id>/export"}
# There is no such thumbnail, invitation or file.
MISSING = {"/thumbnails/<name>", "/join/<code>", "/files/<id:file_id>/<file_name>",
           "/files/<id:file_id>/<file_name>/picture"}  # fmt: skip
URL_MAP = build_url_map(SocketIOGateway.__new__(SocketIOGateway))
RULES = [
    rule for rule in URL_MAP.iter_rules() if rule.rule not in LONG_LIVED
]  # tests/live/ has those.
READ = sorted({rule.rule for rule in RULES if "GET" in (rule.methods or ())})
METHODS = {
    path: {method for rule in RULES if rule.rule == path for method in rule.methods or ()}
    for path in sorted({rule.rule for rule in RULES})
}


def test_long_lived_paths_have_rules() -> None:
    assert set(LONG_LIVED) <= {rule.rule for rule in URL_MAP.iter_rules()}


def test_what_builds_urls_is_compiled_when_one_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    compile_builder = routing.Rule._compile_builder

    def note(rule: routing.Rule, append_unknown: bool) -> Callable[..., tuple[str, str]]:
        compiled.append(rule.rule)
        return compile_builder(rule, append_unknown)

    monkeypatch.setattr(routing.Rule, "_compile_builder", note)
    url_map = build_url_map(SocketIOGateway.__new__(SocketIOGateway))
    assert compiled == []
    (rule,) = (
        each for each in url_map.iter_rules() if each.rule == "/files/<id:file_id>/<file_name>"
    )
    assert rule.build({"file_id": 5, "file_name": "a b", "x": "y"}) == ("", "/files/5/a%20b?x=y")
    assert rule.build({"file_id": 5, "file_name": "a"}, append_unknown=False) == ("", "/files/5/a")
    assert set(compiled) == {rule.rule}


def lasting(answer: TestResponse) -> dict[str, str]:
    """Return the headers that are the same for the same question a moment later."""
    passing = {"X-Request-ID", "Cache-Status", "Age", "Date", "RateLimit"}
    # A cookie says until when it is kept, to the second.
    return {
        name: re.sub("Expires=[^;]*; ", "", value)
        for name, value in answer.headers.items()
        if name not in passing
    }


def example(rule: str, task: str = "x") -> str:
    """Return a path of the rule; its ids are those of what `chat` made."""
    path = re.sub("<id:[a-z_]+>", "1", rule.replace("/direct/<id:room_id>", "/direct/2"))
    path = path.replace("<emoji>", "%F0%9F%91%8D")
    return (
        path.replace("<name>", "lobby").replace("<task_id>", task).replace("<file_name>", "a.txt")
    )


@pytest.fixture
def chat(client: Client) -> tuple[Client, str]:
    """Return a client that is signed in, with a message and direct messages, and a task."""
    client.sign_in("ann")
    client.post_json("/api/direct", {"user_ids": [client.register("bob")]}, status=201)
    headers = {"Prefer": "respond-async"}
    posted = client.post_json("/api/messages", {"source": "a"}, headers=headers, status=202)
    return client, posted.headers["Location"].removeprefix("/tasks/")


# To make what the chat has takes longer than to ask it, so one test asks for all paths.


@pytest.mark.parametrize("accept", ["application/json", BROWSER["Accept"]], ids=["json", "html"])
def test_head_is_get_without_body(
    chat: tuple[Client, str], accept: str, subtests: pytest.Subtests
) -> None:
    client, task = chat
    for rule in READ:
        with subtests.test(rule):
            path, headers = example(rule, task), {"Accept": accept}
            got = client.get(path, headers=headers)
            head = client.head(path, headers=headers)
            # No worker runs here; programs sign in elsewhere; and a search is for something.
            assert got.status_int < 400 or rule in {"/readyz", "/login", "/api/search"} | MISSING
            assert head.body == b""
            if rule in MEASURED | STREAMED:
                head.headers["Content-Length"] = got.headers["Content-Length"]
            assert (head.status, lasting(head)) == (got.status, lasting(got))


def test_head_of_static_file(client: Client) -> None:
    got, head = client.get("/static/icon.svg", status=200), client.head("/static/icon.svg")
    assert (head.body, lasting(head)) == (b"", lasting(got))


def test_head_of_a_stream_tells_no_length(client: Client) -> None:
    """RFC 9110 section 8.6: it would be that of the body that GET sends."""
    head = client.head("/events", headers={"Accept": "text/event-stream"}, status=200)
    assert head.content_type == "text/event-stream"
    assert "Content-Length" not in head.headers


def test_head_of_error(client: Client) -> None:
    got, head = client.get("/nothing", status=404), client.head("/nothing")
    assert (head.body, lasting(head)) == (b"", lasting(got))


def test_other_methods_are_told_which_are_allowed(
    chat: tuple[Client, str], subtests: pytest.Subtests
) -> None:
    client, _ = chat
    for rule in METHODS:
        with subtests.test(rule):
            for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} - METHODS[rule]:
                answer = client.request(example(rule), method=method)
                assert answer.status_int == 405
                assert set(answer.headers["Allow"].split(", ")) == METHODS[rule] | {"OPTIONS"}
            assert client.sources() == ["a"]


def test_unknown_method(service: Service) -> None:
    # WebTest does not know it either, so this goes without.
    environ = EnvironBuilder("/api/messages", method="BREW").get_environ()
    _, status, headers = run_wsgi_app(service, environ)
    assert status == "405 METHOD NOT ALLOWED"
    assert set(headers["Allow"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}


def test_options(client: Client, subtests: pytest.Subtests) -> None:
    for rule in METHODS:
        with subtests.test(rule):
            answer = client.options(example(rule), status=204)
            assert set(answer.headers["Allow"].split(", ")) == METHODS[rule] | {"OPTIONS"}
            assert {"Content-Type", "Content-Length"}.isdisjoint(answer.headers)


@pytest.mark.parametrize("path", ["/healthz", "/static/icon.svg"])
def test_what_the_chain_answers_has_options_too(client: Client, path: str) -> None:
    answers = client.options(path, status=204), client.delete(path, status=405)
    for answer in answers:
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_options_of_the_server(service: Service) -> None:
    # RFC 9110 section 9.3.7. WebTest knows no such path.
    environ = EnvironBuilder(method="OPTIONS").get_environ() | {"PATH_INFO": "*"}
    _, status, headers = run_wsgi_app(service, environ)
    assert status == "204 NO CONTENT"
    allowed = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}
    assert set(headers["Allow"].split(", ")) == allowed
    _, status, _ = run_wsgi_app(service, environ | {"REQUEST_METHOD": "GET"})
    assert status == "404 NOT FOUND"


@pytest.mark.parametrize(
    "path", ["/nothing", "/api/", "/api/messages/", "/api//messages", "/rooms/a/b", "/api/users/01"]
)
def test_unknown_path(client: Client, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        assert client.request(path, method=method).status_int == 404
