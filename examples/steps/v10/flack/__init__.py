"""Flack 0.10: an application factory; two applications share nothing."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map

from ..config import Config
from . import api, pages
from .models import Models
from .services import Services
from .stats import Stats


class Flack:
    def __init__(self, services: Services) -> None:
        self.services = services
        self.urls = Map([*pages.rules(), api.rules()])

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.services.stats.note_arrival()
        try:
            view, _ = self.urls.bind_to_environ(environ).match()
            response: Response = view(self.services, Request(environ))
        except HTTPException as error:
            return error(environ, start_response)
        return response(environ, start_response)


def create_app(config: Config) -> Flack:
    return Flack(Services(Models(config.database), Stats(config.stats_seconds)))
