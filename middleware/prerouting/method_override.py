"""Let HTML forms use methods other than GET and POST."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl
from wsgiref.types import WSGIApplication, WSGIEnvironment

from middleware._options import names_of

KEY = "middleware.original_method"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
METHODS = ("PUT", "PATCH", "DELETE")


class MethodOverride:
    """Take the method of a POST form from the query of its action: `?_method=DELETE`.

    `parameter`: its name. It is removed from `QUERY_STRING`, so no layer below sees it.
    `methods`: which may be chosen; never a safe one, which would escape the checks for unsafe
        requests. Only POST is overridden, so that no link can do it.

    The query is used because a field of the form could only be found by reading the body, which
    belongs to the application. Any other method is ignored: the form is then a plain POST.

    Environ: reads and writes `REQUEST_METHOD` and `QUERY_STRING`, reads `CONTENT_TYPE`, writes
    `middleware.original_method`. It never ends the search for a rule.

    Rules: RFC 9110 section 9.2.1 (safe methods).
    """

    segments = None

    def __init__(self, parameter: str = "_method", methods: Iterable[str] = METHODS) -> None:
        self.methods = frozenset(names_of("methods", methods))
        if not self.methods <= set(METHODS):
            raise ValueError(f"only {', '.join(METHODS)} can be chosen")
        if not isinstance(parameter, str) or not parameter:
            raise TypeError(f"parameter must be a name, not {parameter!r}")
        self.parameter = parameter

    def route(self, environ: WSGIEnvironment, app: WSGIApplication) -> WSGIApplication | None:
        if environ["REQUEST_METHOD"] == "POST":
            query = environ.get("QUERY_STRING", "")
            if self.parameter in query:
                self.override(environ, query)
        return None

    def override(self, environ: WSGIEnvironment, query: str) -> None:
        media_type = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        pairs = query.split("&")
        chosen = [value for pair in pairs for value in self.values_in(pair)]
        if media_type in FORMS and len(chosen) == 1 and chosen[0] in self.methods:
            environ[KEY] = "POST"
            environ["REQUEST_METHOD"] = chosen[0]
            environ["QUERY_STRING"] = "&".join(p for p in pairs if not self.values_in(p))

    def values_in(self, pair: str) -> list[str]:
        """Return the value of our parameter, if this part of the query has it."""
        return [v for name, v in parse_qsl(pair, keep_blank_values=True) if name == self.parameter]
