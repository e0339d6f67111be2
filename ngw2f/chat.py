"""The chat as a PEP 3333 callable: from environ to Request, route, endpoint and Response.

The middleware around it, and their order, are in app.py.
"""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.wrappers import Response as WerkzeugResponse

from middleware.rate_limit import limit_headers
from middleware.request_id import KEY as REQUEST_ID
from ngw2f.broker.limits import counting
from ngw2f.errors import DomainError
from ngw2f.http import Request, Response, no_content
from ngw2f.observe.tracing import following
from ngw2f.routes import build_url_map
from ngw2f.web.errors import DATABASE_ERRORS, database_problem, error_response, http_error
from ngw2f.web.services import Services
from ngw2f.web.socketio import SocketIOGateway

# Paths that the chain answers before the chat, by their first segment.
OUTSIDE = {"static": "/static/<path>", "healthz": "/healthz"}


class Chat:
    """One chat. Its state is in its services' database and broker, none of it here.

    Errors of HTTP, the domain and the database are answered here; all others by the error boundary.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        # Matching needs only path and method; nothing here builds absolute URLs.
        url_map = build_url_map(SocketIOGateway(services))
        self._routes = url_map.bind("localhost")
        # The answer to `OPTIONS *`, which asks about the server as a whole.
        methods = {method for rule in url_map.iter_rules() for method in rule.methods or ()}
        self._methods = sorted({*methods, "OPTIONS"})

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = self.services.core.settings.max_body_bytes
        with following(environ.get(REQUEST_ID, "")), counting() as counted:
            response = self.respond(request)
        if counted:
            response.headers.extend(limit_headers(counted))
        return response(environ, start_response)

    def route_of(self, path: str) -> str:
        """Return the route's pattern for a path, "other" for unknown paths."""
        try:
            return self._pattern_of(path, "GET")
        except MethodNotAllowed as error:
            return self._pattern_of(path, next(iter(error.valid_methods or ["GET"])))
        except HTTPException:
            return OUTSIDE.get(path.split("/", 2)[1], "other") if path.startswith("/") else "other"

    def describe(self, path: str, method: str) -> dict[str, str]:
        """Return the route of a request and the name of its endpoint, for its X-ray."""
        try:
            rule, _ = self._routes.match(path, method, return_rule=True)
        except HTTPException:
            return {}
        endpoint = rule.endpoint
        return {"route": rule.rule, "endpoint": f"{endpoint.__module__}.{endpoint.__name__}"}

    def _pattern_of(self, path: str, method: str) -> str:
        rule, _ = self._routes.match(path, method, return_rule=True)
        return rule.rule

    def respond(self, request: Request) -> WerkzeugResponse:
        """Return the endpoint's response, or an error response."""
        try:
            path = request.environ.get("PATH_INFO", "")
            if path == "*" and request.method == "OPTIONS":
                return _options(self._methods)
            if path.startswith("//"):
                raise NotFound  # Werkzeug would leave out slashes that the limits see.
            endpoint, values = self._routes.match(request.path, request.method)
            response: WerkzeugResponse = endpoint(self.services, request, **values)
        except HTTPException as error:
            if isinstance(error, MethodNotAllowed):
                error.valid_methods = sorted({*(error.valid_methods or ()), "OPTIONS"})
                if request.method == "OPTIONS":
                    return _options(error.valid_methods)
            return error_response(self.services, request, error)
        except DomainError as error:
            return error_response(self.services, request, http_error(error), error.sentence)
        except DATABASE_ERRORS as error:
            return error_response(self.services, request, database_problem(error))
        return response


def _options(methods: Iterable[str]) -> Response:
    """Return the response that lists the methods (RFC 9110 section 9.3.7)."""
    response = no_content()
    response.headers["Allow"] = ", ".join(methods)
    return response
