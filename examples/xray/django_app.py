"""A page by Django, with WhiteNoise and ProxyFix around it."""

from pathlib import Path

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from werkzeug.middleware.proxy_fix import ProxyFix
from whitenoise import WhiteNoise

from middleware.xray import Access, Recorder, XRayMiddleware, probed


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse('<link rel="stylesheet" href="/static/page.css"><p>Hello from Django')


urlpatterns = [path("", page)]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="only here")

static = Path(__file__).with_name("static")
chain = ProxyFix(WhiteNoise(get_wsgi_application(), root=static, prefix="/static/"))

recorder = Recorder()
application = XRayMiddleware(probed(chain, recorder), recorder, allow=Access(everyone=True))
