"""A page by Pyramid, with WhiteNoise and ProxyFix around it."""

from pathlib import Path

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response
from werkzeug.middleware.proxy_fix import ProxyFix
from whitenoise import WhiteNoise

from middleware.xray import Access, Recorder, XRayMiddleware, probed


def page(request: Request) -> Response:
    return Response('<link rel="stylesheet" href="/static/page.css"><p>Hello from Pyramid')


config = Configurator()
config.add_route("page", "/")
config.add_view(page, route_name="page")

static = Path(__file__).with_name("static")
chain = ProxyFix(WhiteNoise(config.make_wsgi_app(), root=static, prefix="/static/"))

recorder = Recorder()
application = XRayMiddleware(probed(chain, recorder), recorder, allow=Access(everyone=True))
