"""A page by Falcon, with WhiteNoise and ProxyFix around it."""

from pathlib import Path

import falcon
from werkzeug.middleware.proxy_fix import ProxyFix
from whitenoise import WhiteNoise

from middleware.xray import Access, Recorder, XRayMiddleware, probed


class Page:
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        response.content_type = falcon.MEDIA_HTML
        response.text = '<link rel="stylesheet" href="/static/page.css"><p>Hello from Falcon'

    on_head = on_get


site = falcon.App()
site.add_route("/", Page())

static = Path(__file__).with_name("static")
chain = ProxyFix(WhiteNoise(site, root=static, prefix="/static/"))

recorder = Recorder()
application = XRayMiddleware(probed(chain, recorder), recorder, allow=Access(everyone=True))
