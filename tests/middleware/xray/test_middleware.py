from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from werkzeug.test import create_environ

from middleware.chain import Layer, chain
from middleware.request_id import RequestIDMiddleware
from middleware.security import SecurityHeadersMiddleware
from middleware.xray.access import Access
from middleware.xray.discovery import probed
from middleware.xray.middleware import XRayMiddleware
from middleware.xray.probe import Recorder
from middleware.xray.shared import SharedTraces
from middleware.xray.spans import Span
from middleware.xray.trace import Trace
from tests.middleware.contract import AnswerContract, Contract
from tests.middleware.serving import BrokenError, Exchange, TrackedBody, answering, serve

ASKED = {"X-Ray": "1"}
LAYERS = [
    Layer("request id", RequestIDMiddleware, ""),
    Layer("security headers", SecurityHeadersMiddleware, ""),
]


def xrayed(
    app: WSGIApplication,
    allow: Callable[[WSGIEnvironment], bool] = lambda environ: True,
    when: Callable[[WSGIEnvironment], bool] | None = None,
) -> XRayMiddleware:
    recorder = Recorder(when=when)
    return XRayMiddleware(chain(LAYERS, app, recorder.probe), recorder, allow=allow)


def forbidden(environ: WSGIEnvironment) -> bool:
    return False


class TestContract(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return xrayed(app)


class TestContractForbidden(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return xrayed(app, forbidden)

    def environ(self, method: str = "GET", **options: object) -> WSGIEnvironment:
        return create_environ("/__xray__/", method=method, headers=ASKED, **options)


class TestContractOfPages(AnswerContract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return xrayed(app)

    def environ(self, method: str = "GET", **options: object) -> WSGIEnvironment:
        return create_environ("/__xray__/", method=method, **options)


def content_of(app: WSGIApplication, path: str) -> str:
    done = serve(app, path)
    assert done.status == "200 OK"
    assert done.header("Cache-Control") == "no-store"
    return done.content.decode()


def test_field_is_answered_with_the_ladder() -> None:
    app = xrayed(answering())
    done = serve(app, "/a", headers=ASKED)
    assert done.header("Content-Type") == "text/plain; charset=utf-8"
    assert done.header("X-Ray") == app.recorder.traces[0].id
    text = done.content.decode()
    assert text.startswith("GET /a\n200 OK, 5 bytes")
    assert "↑ + X-Request-ID" in text


def test_times_are_sent_to_those_who_may_see_them() -> None:
    done = serve(xrayed(answering()))
    assert "request-id;dur=" in (done.header("Server-Timing") or "")
    assert serve(xrayed(answering(), when=forbidden)).header("Server-Timing") is None


def test_field_is_ignored_for_strangers() -> None:
    app = xrayed(answering(), forbidden)
    assert serve(app).header("Server-Timing") is None
    assert serve(app, headers=ASKED).content == b"hello"
    assert serve(app, "/__xray__/").content == b"hello"


def test_upgrade_is_left_alone() -> None:
    done = serve(xrayed(answering()), headers={**ASKED, "Upgrade": "websocket"})
    assert done.content == b"hello"


def test_request_that_is_not_recorded_says_so() -> None:
    done = serve(xrayed(answering(), when=forbidden), headers=ASKED)
    assert done.content == b"This request was not recorded.\n"


def test_error_is_on_the_ladder() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise BrokenError("it broke")

    assert "! BrokenError it broke" in serve(xrayed(app), headers=ASKED).content.decode()


def test_body_is_closed_when_the_ladder_is_shown() -> None:
    body = TrackedBody(b"one")
    serve(xrayed(answering(body)), headers=ASKED)
    assert body.closes == 1


def test_error_of_close_is_on_the_ladder() -> None:
    class Body(TrackedBody):
        def close(self) -> None:
            super().close()
            raise BrokenError("it did not close")

    body = Body(b"one")
    ladder = serve(xrayed(answering(body)), headers=ASKED).content.decode()
    assert "! BrokenError it did not close" in ladder
    assert body.closes == 1


@pytest.mark.parametrize("limit", ["MAX_CHUNKS", "MAX_SECONDS"])
def test_stream_is_cut(limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [])
        while True:
            yield b"more"

    monkeypatch.setattr("middleware.xray.middleware.MAX_CHUNKS", 10**9)
    monkeypatch.setattr("middleware.xray.middleware.MAX_SECONDS", 10**9)
    monkeypatch.setattr(f"middleware.xray.middleware.{limit}", 0)
    assert "200 OK, 4 bytes" in serve(xrayed(endless), headers=ASKED).content.decode()


def test_list_has_a_line_for_each_request_newest_first() -> None:
    app = xrayed(answering())
    for path in ("/one", "/" + "x" * 50):
        serve(app, path)
    first, second = content_of(app, "/__xray__/").splitlines()
    assert "…" in first
    assert first.endswith(" ms")
    assert "/one" in second
    assert " 200 " in second


def test_list_moves_no_cursor_of_a_terminal() -> None:
    app = xrayed(answering())
    serve(app, "/\x1b[2J")
    assert "GET     /\N{REPLACEMENT CHARACTER}[2J " in content_of(app, "/__xray__/")


@pytest.mark.parametrize("name", ["", "all.json", "all.har"])
def test_request_that_has_reached_no_layer_yet_is_left_out(name: str) -> None:
    app = xrayed(answering())
    identity = Trace({}).id
    app.recorder.traces.append(Trace({}))
    serve(app, "/one")
    text = content_of(app, f"/__xray__/{name}")
    assert "/one" in text
    assert identity not in text
    assert serve(app, f"/__xray__/{app.recorder.traces[0].id}").status == "404 Not Found"


def test_list_shows_faults_and_what_runs() -> None:
    app = xrayed(answering(headers=[("Content-Length", "9")]))
    serve(app)
    Exchange().call(app)
    running, faulty = content_of(app, "/__xray__/all").splitlines()
    assert " running" in running
    assert faulty.endswith("! 1")


def test_one_request_is_shown_in_each_form() -> None:
    app = xrayed(answering())
    serve(app, "/one")
    serve(app, "/two")
    identity = app.recorder.traces[0].id
    assert content_of(app, f"/__xray__/{identity}").startswith("GET /one\n")
    found = json.loads(content_of(app, f"/__xray__/{identity}.json"))
    assert (found["path"], len(found["visits"])) == ("/one", 3)
    archive = json.loads(content_of(app, f"/__xray__/{identity}.har"))
    assert [entry["request"]["url"] for entry in archive["log"]["entries"]] == [
        "http://localhost/one"
    ]


def test_what_others_did_later_is_shown() -> None:
    recorder = Recorder()
    app = XRayMiddleware(
        recorder.probe("app", answering()),
        recorder,
        allow=lambda environ: True,
        later=lambda trace: [Span("job", f"of {trace.path}", "", 1)],
    )
    assert "+1000.00 ms  job of /one running" in content_of_field(app, "/one")
    identity = recorder.traces[0].id
    assert "job of /one" in content_of(app, f"/__xray__/{identity}")
    assert "job of /one" in page_of(app, f"/__xray__/{identity}")
    assert json.loads(content_of(app, f"/__xray__/{identity}.json"))["later"][0]["began"] == 1


def content_of_field(app: WSGIApplication, path: str) -> str:
    return serve(app, path, headers=ASKED).content.decode()


def test_all_requests_are_shown_in_each_form() -> None:
    app = xrayed(answering())
    serve(app, "/one")
    serve(app, "/two")
    found = json.loads(content_of(app, "/__xray__/all.json"))
    assert [entry["path"] for entry in found] == ["/two", "/one"]
    assert len(json.loads(content_of(app, "/__xray__/all.har"))["log"]["entries"]) == 2


@pytest.mark.parametrize("name", ["1-1", "1-1.json", "1-1.har", "all.xml"])
def test_unknown_request_is_not_found(name: str) -> None:
    assert serve(xrayed(answering()), f"/__xray__/{name}").status == "404 Not Found"


@pytest.mark.parametrize("path", ["xray/", "/xray"])
def test_path_begins_and_ends_with_a_slash(path: str) -> None:
    with pytest.raises(ValueError, match="begin and end"):
        XRayMiddleware(answering(), Recorder(), allow=forbidden, path=path)


def page_of(app: WSGIApplication, path: str, query: str = "") -> str:
    done = serve(app, path, headers={"Accept": "text/html"}, query_string=query)
    assert done.header("Content-Type") == "text/html; charset=utf-8"
    assert "default-src 'none'" in (done.header("Content-Security-Policy") or "")
    return done.content.decode()


def test_browser_gets_pages() -> None:
    app = xrayed(answering())
    serve(app, "/one")
    serve(app, "/two")
    one, two = (trace.id for trace in app.recorder.traces)
    listed = page_of(app, "/__xray__/")
    assert listed.index("/two") < listed.index("/one")
    assert "<h1>GET /one</h1>" in page_of(app, f"/__xray__/{one}")
    compared = page_of(app, f"/__xray__/{one}..{two}")
    assert compared.index("GET /one") < compared.index("GET /two")


def test_requests_of_the_same_path_are_offered_for_comparison() -> None:
    app = xrayed(answering())
    for path in ("/one", "/two", "/one"):
        serve(app, path)
    first, _, third = (trace.id for trace in app.recorder.traces)
    shown = page_of(app, f"/__xray__/{first}")
    assert shown.count("<a href") == 2
    assert f'<a href="{first}..{third}">' in shown


def test_unknown_pair_is_not_found() -> None:
    app = xrayed(answering())
    serve(app)
    assert serve(app, f"/__xray__/{app.recorder.traces[0].id}..1-1").status == "404 Not Found"


@pytest.mark.parametrize("name", ["", "all.json"])
def test_list_is_filtered(name: str) -> None:
    app = xrayed(answering())
    serve(app, "/one")
    serve(app, "/two")
    done = serve(app, f"/__xray__/{name}", query_string="path=two")
    assert b"/two" in done.content
    assert b"/one" not in done.content


def test_requests_of_other_processes_are_shown(tmp_path: Path) -> None:
    def of(process: int) -> tuple[XRayMiddleware, SharedTraces]:
        shared = SharedTraces(tmp_path)
        recorder = Recorder(ended=shared.waiting.append)
        shared.process, shared.bytes = process, 10**9
        app = chain(LAYERS, answering(), recorder.probe)
        return XRayMiddleware(app, recorder, allow=lambda environ: True, shared=shared), shared

    (one, _), (other, shared) = of(1), of(2)
    serve(other, "/other")
    serve(one, "/one")
    shared.flush()
    assert [line.split()[2] for line in content_of(one, "/__xray__/").splitlines()] == [
        "/one",
        "/other",
    ]
    identity = other.recorder.traces[0].id
    assert content_of(one, f"/__xray__/{identity}").startswith("GET /other\n")
    assert serve(one, "/__xray__/1-1").status == "404 Not Found"


def test_others_get_the_chain_without_probes() -> None:
    recorder = Recorder()
    app = XRayMiddleware(
        recorder.probe("app", answering(TrackedBody(b"probed"))),
        recorder,
        allow=lambda environ: "HTTP_X_RAY" in environ,
        plain=answering(TrackedBody(b"plain")),
    )
    assert serve(app).content == b"plain"
    assert not recorder.traces
    assert serve(app, headers=ASKED).content.startswith(b"GET /\n")


def test_chain_that_was_probed_is_for_others_as_it_was() -> None:
    body = TrackedBody(b"hello")
    access = Access(key=b"key")

    def xrayed_if(when: Callable[[WSGIEnvironment], bool] | None) -> XRayMiddleware:
        recorder = Recorder(when=when)
        return XRayMiddleware(probed(answering(body), recorder), recorder, allow=access)

    app = xrayed_if(access)
    assert Exchange().call(app).body is body
    assert serve(app, headers={"X-Ray": access.sign()}).content.startswith(b"GET /\n")
    # Who sees is not who is recorded.
    assert Exchange().call(xrayed_if(None)).body is not body


def test_what_everybody_must_send_is_looked_for_first() -> None:
    asked: list[WSGIEnvironment] = []

    class Asking(Access):
        def __call__(self, environ: WSGIEnvironment) -> bool:
            asked.append(environ)
            return super().__call__(environ)

    app = xrayed(answering(), Asking(key=b"key"))
    serve(app, "/__xray__/")
    assert not asked
    assert serve(app, "/__xray__/", headers=ASKED).content == b"hello"
    assert len(asked) == 1
    assert serve(xrayed(answering(), Asking(everyone=True)), "/__xray__/").content == b""


def test_list_may_be_live() -> None:
    app = xrayed(answering())
    assert '<label hidden><input type="checkbox" name="live"> live' in page_of(app, "/__xray__/")
    assert 'name="live" checked>' in page_of(app, "/__xray__/", "live=on")
    assert '<script src="live.js"></script>' in page_of(app, "/__xray__/")
    done = serve(app, "/__xray__/live.js")
    assert done.header("Content-Type") == "text/javascript; charset=utf-8"
    assert b"DOMParser" in done.content


def test_no_page_may_frame_the_pages() -> None:
    done = serve(xrayed(answering()), "/__xray__/", headers={"Accept": "text/html"})
    assert "frame-ancestors 'none'" in (done.header("Content-Security-Policy") or "")


@pytest.mark.parametrize("name", ["1-1", "1-1..2-2", "any.xml"])
def test_page_says_what_to_do_for_a_request_that_is_not_kept(name: str) -> None:
    app = xrayed(answering())
    done = serve(app, f"/__xray__/{name}", headers={"Accept": "text/html"})
    assert (done.status, done.header("Content-Type")) == (
        "404 Not Found",
        "text/html; charset=utf-8",
    )
    text = done.content.decode()
    assert "is not kept. The last 200 requests are kept" in text
    assert '<a href=".">See the last requests</a>' in text
    text = serve(app, f"/__xray__/{name}").content.decode()
    assert text.startswith(f"Request {name.partition('..')[0]} is not kept.\n\nThe last 200")
    assert "/__xray__/ lists them." in text


@pytest.mark.parametrize("form", ["json", "har"])
def test_programs_are_told_in_json_that_a_request_is_not_kept(form: str) -> None:
    done = serve(xrayed(answering()), f"/__xray__/1-1.{form}")
    assert done.header("Content-Type") == "application/problem+json"
    assert json.loads(done.content)["title"] == "Request 1-1 is not kept."


def test_others_may_get_another_application_later() -> None:
    app = xrayed(answering(), forbidden)
    assert app.plain is app.app
    app.plain = answering([b"other"])
    assert serve(app).content == b"other"
