"""What an operator decides about keys and variants: the `key` and `vary` options of the cache.

A mistake of a hook is an error that names the option, and not a wrong answer.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote_plus

from middleware._options import function_of, names_of
from middleware.cache.vary import environ_key

_PATTERNS = {
    "scheme": re.compile(r"[a-z][a-z0-9+.-]*"),
    "host": re.compile(r"[a-z0-9._~%!$&'()*+,;=:\[\]-]+"),
    "path": re.compile(r"/[^?#\s]*"),
    # Clients and applications write what they like there, so it is not a hook's mistake.
    "query": re.compile(r".*", re.DOTALL),
}
_FIELD = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# RFC 6265 section 4.1.1.
_COOKIE = re.compile(_FIELD.pattern + r'=("?)[!#-+\--:<-\[\]-~]*\1')


@dataclass(frozen=True, slots=True)
class TargetURI:
    """A target URI (RFC 9110 section 7.1) in normal form.

    `host` in lower case, with a port unless it is the scheme's own; `path` escaped, from its slash
    on; `query` without the question mark, empty if there is none.
    """

    scheme: str
    host: str
    path: str
    query: str = ""

    def __str__(self) -> str:
        uri = f"{self.scheme}://{self.host}{self.path}"
        return f"{uri}?{self.query}" if self.query else uri


KeyHook = Callable[[TargetURI], TargetURI | None]
VaryHook = Callable[[str], str]


def apply_key_hook(hook: KeyHook, uri: str) -> str | None:
    """Return the key that a hook makes of a URI in normal form; None if it is not to be cached.

    Raises `TypeError` or `ValueError` for what is not a URI.
    """
    scheme, _, rest = uri.partition("://")
    host, _, path = rest.partition("/")
    path, _, query = path.partition("?")
    found = hook(TargetURI(scheme, host, f"/{path}", query))
    if found is None:
        return None
    if not isinstance(found, TargetURI):
        raise TypeError(f"key must return a TargetURI or None, not {found!r}")
    for name, pattern in _PATTERNS.items():
        value = getattr(found, name)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"key returned the {name} {value!r} for {uri}")
    return str(found)


def vary_hooks(hooks: Mapping[str, VaryHook]) -> dict[str, VaryHook]:
    """Return the hooks by environ key. Raises `TypeError` or `ValueError` for what is not one."""
    if not isinstance(hooks, Mapping):
        raise TypeError(f"vary must be a mapping of field names to functions, not {hooks!r}")
    found: dict[str, VaryHook] = {}
    for name, hook in hooks.items():
        if not isinstance(name, str) or not _FIELD.fullmatch(name):
            raise ValueError(f"vary: {name!r} is not the name of a field")
        if hook is None:
            raise TypeError(f"vary[{name!r}] must be a function, not None")
        found[environ_key(name)] = function_of(f"vary[{name!r}]", hook)
    return found


def apply_vary_hooks(hooks: Mapping[str, VaryHook], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Copy a request's fields, with what the hooks make of the values; "" for one that is absent.

    Raises `TypeError` if a hook returns anything but text.
    """
    seen = dict(fields)
    for name, hook in hooks.items():
        value = hook(fields.get(name, ""))
        if not isinstance(value, str):
            raise TypeError(f"vary: the hook of {name} must return text, not {value!r}")
        seen[name] = value
    return seen


# Ready-made ones.


def without_parameters(*patterns: str) -> KeyHook:
    """Return a `key` hook that drops parameters of the query, as in `"utm_*", "gclid"`.

    Names are compared as they are after unescaping; the others keep their order and form.
    """
    names = names_of("without_parameters", patterns)

    def key(uri: TargetURI) -> TargetURI:
        kept = [part for part in uri.query.split("&") if not _is_named(part, names)]
        return replace(uri, query="&".join(kept))

    return key


def same_host(host: str, *others: str) -> KeyHook:
    """Return a `key` hook by which the other hosts share the answers of the first."""
    shared = frozenset(name.lower() for name in names_of("same_host", others))

    def key(uri: TargetURI) -> TargetURI:
        return replace(uri, host=host.lower()) if uri.host in shared else uri

    return key


def only_cookies(*names: str) -> VaryHook:
    """Return a `vary` hook for `Cookie`: of a response that varies on it, only these count.

    A field that is not written as RFC 6265 has it counts as a whole: the application may find
    other cookies in it.
    """
    wanted = frozenset(names_of("only_cookies", names))

    def vary(value: str) -> str:
        cookies = [cookie for part in value.split(";") if (cookie := part.strip(" "))]
        if not all(map(_COOKIE.fullmatch, cookies)):
            return value
        # Of two with one name, applications take the first, or the last.
        return "; ".join(sorted((c for c in cookies if _name_of(c) in wanted), key=_name_of))

    return vary


def _name_of(cookie: str) -> str:
    return cookie.partition("=")[0]


def _is_named(part: str, patterns: Iterable[str]) -> bool:
    name = unquote_plus(part.partition("=")[0])
    return any(fnmatchcase(name, pattern) for pattern in patterns)
