"""A page by Flask, with WhiteNoise and ProxyFix around it."""

from pathlib import Path

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix
from whitenoise import WhiteNoise

from middleware.xray import Access, Recorder, XRayMiddleware, probed

site = Flask(__name__, static_folder=None)


@site.get("/")
def page() -> str:
    return '<link rel="stylesheet" href="/static/page.css"><p>Hello from Flask'


static = Path(__file__).with_name("static")
chain = ProxyFix(WhiteNoise(site, root=static, prefix="/static/"))

recorder = Recorder()
application = XRayMiddleware(probed(chain, recorder), recorder, allow=Access(everyone=True))
