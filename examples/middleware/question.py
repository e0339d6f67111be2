"""A typed request, and the environ that a server would make of it."""

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIEnvironment
from wsgiref.util import setup_testing_defaults

import msgspec

from middleware._wsgi import Headers

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class Question(msgspec.Struct, frozen=True):
    """A typed request: headers are lines of `Name: value`."""

    method: str = "GET"
    path: str = "/"
    headers: str = "Accept: text/html"

    def changed(self, form: Mapping[str, str]) -> "Question":
        """Return a copy with the values of a form."""
        now = msgspec.structs.asdict(self)
        typed = {name: form.get(name, value) for name, value in now.items()}
        return Question(**{name: "\n".join(text.splitlines()) for name, text in typed.items()})

    def check(self) -> None:
        """Raise `ValueError` if it is not a valid request."""
        if self.method not in METHODS:
            raise ValueError(f"the method must be one of {', '.join(METHODS)}, not {self.method!r}")
        if not self.path.startswith("/") or not self.path.isprintable():
            raise ValueError(f"a path must begin with a slash: {self.path!r}")
        self.header_list()

    def header_list(self) -> Headers:
        lines = [line for line in self.headers.splitlines() if line.strip()]
        pairs = [(name, value.strip()) for name, _, value in (ln.partition(":") for ln in lines)]
        for line, (name, value) in zip(lines, pairs, strict=True):
            if not TOKEN.fullmatch(name) or ":" not in line or not value.isprintable():
                raise ValueError(f"a header must be a line of `Name: value`: {line!r}")
        return pairs

    def environ(self, host: str) -> WSGIEnvironment:
        path, _, query = self.path.partition("?")
        environ = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query.encode().decode("latin-1"),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": host,
        }
        fields: dict[str, list[str]] = {}
        for name, value in self.header_list():
            key = name.upper().replace("-", "_")
            key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
            fields.setdefault(key, []).append(value.encode().decode("latin-1"))
        # As gunicorn joins repeated fields.
        environ |= {key: ",".join(values) for key, values in fields.items()}
        setup_testing_defaults(environ)
        return environ
