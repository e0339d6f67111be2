"""The cache key: a URI with everything by which the application may choose its response.

The application sees `PATH_INFO`, decoded: `/a%2Fb` and `/a/b` are the same path
there, but two resources for an application that reads `RAW_URI`. The key has the
path as the client wrote it, but only if it decodes to `PATH_INFO`; a middleware
may have rewritten that.
"""

import re
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

from middleware._paths import normal_host
from middleware.cache.hooks import KeyHook, apply_key_hook

# An attacker may send any number of Hosts; beyond this many, all are forgotten.
_REMEMBERED = 256
# As in RFC 3986's reg-name, IPv6 literal and port. "@" is not part of a host.
_HOST_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._~%!$&'()*+,;=:[]")
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_PATH_SAFE = "/:@!$&'()*+,;=~"
# Most paths have only these characters, and so one form.
_PLAIN_PATH = re.compile(r"/[A-Za-z0-9/:@!$&'()*+,;=~._-]*")


class KeyMaker:
    """Makes keys, and remembers the origins that it has checked.

    `hook`: makes a key of a target URI; by default the URI is the key.
    """

    def __init__(self, hook: KeyHook | None = None) -> None:
        self._hook = hook
        self._origins: dict[tuple[str, str], str | None] = {}

    def key(self, environ: dict[str, Any]) -> str | None:
        """Return the request's key, or None if the request must bypass the cache."""
        uri = self.uri(environ)
        return None if uri is None else self.of_uri(uri)

    def of_uri(self, uri: str) -> str | None:
        """Return the key of a URI in normal form, or None if the hook wants it in no cache."""
        return uri if self._hook is None else apply_key_hook(self._hook, uri)

    def uri(self, environ: dict[str, Any], *, to_store: bool = True) -> str | None:
        """Return the request's target URI, or None if the request must bypass the cache.

        It must if Host is not a valid host, or if the request line names another
        host: the application answers for Host, the client asked for the other (RFC
        9112 section 3.2.2), and a stored response would poison one of them. To
        invalidate (`to_store` False), Host is enough: the application uses it. An
        empty path means the root (RFC 9110 section 4.2.3), but the application may
        distinguish them: it only invalidates.
        """
        host = environ.get("HTTP_HOST")
        if host is None:
            host = f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
        origin = self.origin(environ["wsgi.url_scheme"], host)
        if origin is None:
            return None
        seen: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        query = environ.get("QUERY_STRING", "")
        raw: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
        if raw and raw[0] != "/":
            if to_store and self._names_another_host(raw, origin):
                return None
            raw = "/" + raw.partition("://")[2].partition("/")[2]
        path = raw.partition("?")[0]
        if path != seen or not _PLAIN_PATH.fullmatch(path):
            if seen[:1] != "/":
                return None if to_store else f"{origin}/"
            path = _path_as_written(path, seen)
        return f"{origin}{path}?{query}" if query else origin + path

    def origin(self, scheme: str, host: str) -> str | None:
        """Return scheme and host in normal form, or None if the host is invalid."""
        try:
            return self._origins[scheme, host]
        except KeyError:
            origin = _origin(scheme, host)
            if len(self._origins) >= _REMEMBERED:
                self._origins.clear()
            self._origins[scheme, host] = origin
            return origin

    def _names_another_host(self, raw: str, origin: str) -> bool:
        try:
            target = urlsplit(raw)
        except ValueError:
            return True
        return self.origin(target.scheme.lower(), target.netloc) != origin


def _path_as_written(raw: str, seen: str) -> str:
    # PATH_INFO holds bytes as latin-1 text (PEP 3333, "A Note On String Types").
    seen_bytes = seen.encode("latin-1", "replace")
    if unquote_to_bytes(raw.encode("latin-1", "replace")) == seen_bytes:
        return normalize_escapes(raw)
    return quote(seen_bytes, safe=_PATH_SAFE)


def normalize_escapes(path: str) -> str:
    """Normalize percent-escapes: in upper case, and only where one is needed.

    RFC 3986 sections 6.2.2.1 and 6.2.2.2: `%7e`, `%7E` and `~` are equivalent. A
    "%" that begins no escape stands for itself.
    """
    first, *others = path.split("%")
    return _quoted(first) + "".join(map(_normal_escape, others))


def _normal_escape(text: str) -> str:
    digits, rest = text[:2], text[2:]
    if len(digits) < 2 or not _HEX_DIGITS.issuperset(digits):
        return "%25" + _quoted(text)
    character = chr(int(digits, 16))
    plain = character.isascii() and (character.isalnum() or character in "-._~")
    return (character if plain else f"%{digits.upper()}") + _quoted(rest)


def _quoted(text: str) -> str:
    return quote(text.encode("latin-1", "replace"), safe=_PATH_SAFE)


def normalize_uri(uri: str) -> str:
    """Return a URI from a response in the form of a key; ValueError if it is not a URI."""
    parts = urlsplit(uri)
    scheme = parts.scheme.lower()
    origin = _origin(scheme, parts.netloc)
    if origin is None:
        raise ValueError(f"no host in {uri!r}")
    path = normalize_escapes(parts.path or "/")
    return f"{origin}{path}?{parts.query}" if parts.query else origin + path


def query_of(key: str) -> str:
    """Return the query of a key, without its question mark."""
    return key.partition("?")[2]


def origin_of(key: str) -> str:
    """Return the scheme and host of a key."""
    return key[: key.index("/", key.index("//") + 2)]


def _origin(scheme: str, host: str) -> str | None:
    host = normal_host(scheme, host)
    if not host or not _HOST_CHARACTERS.issuperset(host):
        return None
    return f"{scheme}://{host}"
