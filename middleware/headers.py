"""Set, add, remove and rewrite request and response headers by rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeAlias
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.util import is_hop_by_hop

from middleware._fields import names_in, without
from middleware._options import function_of, list_of
from middleware._wsgi import NO_CONTENT_STATUSES, Headers, changing_headers

Condition: TypeAlias = Callable[[WSGIEnvironment], bool]
Change: TypeAlias = Callable[[Headers], Headers]

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# RFC 9110 section 5.5: visible characters, obs-text, space and tab; no space or tab at the ends.
VALUE = re.compile(r"([\x21-\x7e\x80-\xff]([\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")


class HeaderRule:
    """What happens to the lines of one header.

    Made by `set_header`, `default_header`, `add_header`, `remove_header` and `rewrite_header`.
    `when(environ)` decides, before the application is called, whether the rule applies.
    """

    __slots__ = ("change", "name", "needs_line", "when")

    def __init__(
        self, name: str, change: Change, when: Condition | None, *, needs_line: bool = False
    ) -> None:
        if not TOKEN.fullmatch(name):
            raise ValueError(f"not a header name: {name!r}")
        if is_hop_by_hop(name):
            raise ValueError(f"{name} is the server's, not the application's (PEP 3333)")
        if name.lower() == "content-length":
            raise ValueError("Content-Length says where a body ends, so no rule may change it")
        self.name = name
        self.change = change
        self.when = function_of("when", when)
        # Whether the rule does nothing if there is no such line.
        self.needs_line = needs_line

    def applies_to(self, environ: WSGIEnvironment) -> bool:
        return self.when is None or self.when(environ)


def checked(value: str) -> str:
    """Return the value if it may stand in a header; otherwise raise `ValueError`."""
    if not VALUE.fullmatch(value):
        raise ValueError(f"not a header value: {value!r}")
    return value


def set_header(name: str, value: str, when: Condition | None = None) -> HeaderRule:
    """Replace all lines of that name by this one."""
    line = (name, checked(value))
    return HeaderRule(name, lambda headers: [*without(headers, (name.lower(),)), line], when)


def default_header(name: str, value: str, when: Condition | None = None) -> HeaderRule:
    """Add the line if there is none of that name."""
    line = (name, checked(value))

    def change(headers: Headers) -> Headers:
        return headers if name.lower() in names_in(headers) else [*headers, line]

    return HeaderRule(name, change, when)


def add_header(name: str, value: str, when: Condition | None = None) -> HeaderRule:
    """Add one more line."""
    line = (name, checked(value))
    return HeaderRule(name, lambda headers: [*headers, line], when)


def remove_header(name: str, when: Condition | None = None) -> HeaderRule:
    """Remove all lines of that name."""

    def change(headers: Headers) -> Headers:
        return without(headers, (name.lower(),))

    return HeaderRule(name, change, when, needs_line=True)


def rewrite_header(
    name: str, rewrite: Callable[[str], str], when: Condition | None = None
) -> HeaderRule:
    """Pass the value of each line of that name through a function.

    The request ends with `ValueError` if the result may not stand in a header.
    """

    def change(headers: Headers) -> Headers:
        return [
            (key, checked(rewrite(value)) if key.lower() == name.lower() else value)
            for key, value in headers
        ]

    return HeaderRule(name, change, when, needs_line=True)


class HeadersMiddleware:
    """Change headers by rule, each rule in the order of its list.

    Request: the rules of `request` are applied to environ before the application is called.
    Response: the rules of `response` are applied to each call of `start_response`.

    `request`, `response`: rules, none by default. Names and values are checked when the rule is
        made, so that none can break a response.

    Reads and writes the `HTTP_` keys that the request rules name, `CONTENT_TYPE` for
    `Content-Type`; an added line is joined to the others by a comma, as CGI does.

    Place: anywhere; inside the layers that set the request headers to change, outside those that
    set the response headers to change.

    Rules: RFC 9110 section 5.1 (names), 5.3 (order and joining), 5.5 (values); PEP 3333, "Other
    HTTP Features" (hop-by-hop headers are refused). `Content-Length` is refused too, since it says
    where a body ends, and a 204 or 304 gets no `Content-Type`.

    It does not look at status or content: a change that depends on them needs another middleware.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        request: Iterable[HeaderRule] = (),
        response: Iterable[HeaderRule] = (),
    ) -> None:
        self.app = app
        self.request = [(environ_key(rule.name), rule) for rule in list_of("request", request)]
        # A request without any of these keys needs no change; None: any request may need one.
        self.wanted = (
            {key for key, _ in self.request}
            if all(rule.needs_line for _, rule in self.request)
            else None
        )
        self.response = list_of("response", response)
        self.always = tuple(rule for rule in self.response if rule.when is None)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.wanted is None or not environ.keys().isdisjoint(self.wanted):
            self.change_request(environ)
        rules = self.always
        if len(rules) < len(self.response):
            rules = tuple(rule for rule in self.response if rule.applies_to(environ))
        if not rules:
            return self.app(environ, start_response)

        def changed(status: str, headers: Headers) -> Headers:
            has_content = status[:3] not in NO_CONTENT_STATUSES
            for rule in rules:
                if has_content or rule.name.lower() != "content-type":
                    headers = rule.change(headers)
            return headers

        return self.app(environ, changing_headers(start_response, changed))

    def change_request(self, environ: WSGIEnvironment) -> None:
        for key, rule in self.request:
            if (key in environ or not rule.needs_line) and rule.applies_to(environ):
                change_environ(environ, key, rule)


def environ_key(name: str) -> str:
    """Return the environ key of a request header."""
    key = name.upper().replace("-", "_")
    return key if key == "CONTENT_TYPE" else f"HTTP_{key}"


def change_environ(environ: WSGIEnvironment, key: str, rule: HeaderRule) -> None:
    """Apply a rule to a request header, whose lines CGI has joined into one."""
    before = [(rule.name, environ[key])] if key in environ else []
    after = [value for _, value in rule.change(before)]
    if after:
        environ[key] = ", ".join(after)
    else:
        environ.pop(key, None)
