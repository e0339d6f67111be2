from __future__ import annotations

from wsgiref.types import WSGIApplication, WSGIEnvironment

from middleware.chain import chain
from middleware.xray import Recorder, XRayMiddleware
from tests.middleware.contract import Contract
from tests.middleware.serving import TrackedBody, answering, serve
from tests.middleware.xray.test_middleware import LAYERS, content_of

HTML = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", "20"), ("ETag", '"a"')]
PAGE = b"<html>a</body></html>"
BROWSER = {"Accept": "text/html,*/*;q=0.8"}


def allowed(environ: WSGIEnvironment) -> bool:
    return "HTTP_X_STRANGER" not in environ


def paneled(app: WSGIApplication, *, when: bool = True) -> XRayMiddleware:
    recorder = Recorder(when=lambda environ: when)
    probed = chain(LAYERS, app, recorder.probe)
    return XRayMiddleware(probed, recorder, allow=allowed, panel=True)


class TestContract(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return paneled(app)


def test_page_leads_to_its_own_ladder() -> None:
    app = paneled(answering(TrackedBody(PAGE), headers=HTML))
    done = serve(app, "/page", headers=BROWSER)
    identity = app.recorder.traces[0].id
    text = done.content.decode()
    assert f'<a href="/__xray__/{identity}">X-ray of this page</a>: 3 layers, ' in text
    assert text.endswith("</aside></body></html>")
    # It is English in a page of any language.
    assert '<aside class="xray-panel" lang="en"' in text
    assert content_of(app, f"/__xray__/{identity}").startswith("GET /page\n")
    # The rules of rewriting.
    assert (done.header("ETag"), done.header("Content-Length")) == ('W/"a"', None)


def test_panel_needs_nothing_inline() -> None:
    app = paneled(answering(TrackedBody(PAGE), headers=HTML))
    text = serve(app, "/page", headers=BROWSER).content.decode()
    assert "<script" not in text
    assert "style=" not in text
    assert '<link rel="stylesheet" href="/__xray__/panel.css">' in text
    assert serve(app, "/__xray__/panel.css").header("Content-Type") == "text/css; charset=utf-8"


def test_panel_knows_where_the_application_is_mounted() -> None:
    app = paneled(answering(TrackedBody(PAGE), headers=HTML))
    text = serve(app, "/page", headers=BROWSER, base_url="http://localhost/chat").content.decode()
    assert '"/chat/__xray__/panel.css"' in text


def test_other_types_strangers_and_unrecorded_pages_have_none() -> None:
    text = [("Content-Type", "text/plain")]
    other = paneled(answering(TrackedBody(PAGE), headers=text))
    assert serve(other, headers=BROWSER).content == PAGE
    app = answering(TrackedBody(PAGE), headers=HTML)
    assert serve(paneled(app), headers={**BROWSER, "X-Stranger": "1"}).content == PAGE
    assert serve(paneled(app, when=False), headers=BROWSER).content == PAGE


def test_programs_get_none() -> None:
    app = paneled(answering(TrackedBody(PAGE), headers=HTML))
    assert serve(app, headers={"Accept": "*/*"}).content == PAGE
