"""Purge stored responses on demand: by URL, by prefix, by group."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from middleware._options import names_of
from middleware.cache.key import KeyMaker, normalize_uri
from middleware.cache.prefixes import prefix_group

# What some write after a prefix, and PURGE needs there.
WILDCARD = "/*"
_ASCII = "".join(map(chr, range(128)))


@dataclass(frozen=True, slots=True)
class Purge:
    """What to purge.

    - `urls`: each with all its variants. A URL with another query is another one.
    - `prefixes`: URLs without a query; all below them by whole segments, with every query:
      `https://a.test/b` or `https://a.test/b/*` is `/b`, `/b?c` and `/b/d`, and not `/bc`.
    - `groups`: as the application names them in `Cache-Groups`, of whatever origin.

    URLs are absolute, as clients know them: with `https` behind a proxy that ends TLS.
    Raises `TypeError` for a single text in place of a list.
    """

    urls: Iterable[str] = ()
    prefixes: Iterable[str] = ()
    groups: Iterable[str] = ()

    def __post_init__(self) -> None:
        for name in ("urls", "prefixes", "groups"):
            object.__setattr__(self, name, names_of(name, getattr(self, name)))

    def names(self, keys: KeyMaker) -> list[str]:
        """List the groups that a store has to drop; ValueError for what is not a URL."""
        for url in self.urls:
            if url.endswith(WILDCARD):
                raise ValueError(f"a prefix, not a URL: {url!r}; %2A is the character")
        names = [_key(keys, form) for url in self.urls for form in _forms_of(url)]
        for prefix in self.prefixes:
            if urlsplit(prefix).query:
                raise ValueError(f"a prefix has no query: {prefix!r}")
            below = prefix.removesuffix(WILDCARD)
            if below.endswith("*"):
                raise ValueError(f'a prefix ends with a segment, or "/*": {prefix!r}')
            names.append(prefix_group(_key(keys, below)))
        return [*names, *self.groups]


def _forms_of(url: str) -> tuple[str, ...]:
    """Return a URL as it is, and with the escapes that browsers write into its query."""
    if url.isascii():
        return (url,)
    path, mark, query = url.partition("?")
    return url, f"{path}{mark}{quote(query, safe=_ASCII)}"


def _key(keys: KeyMaker, url: str) -> str:
    try:
        # What is typed is UTF-8; in environ that is shown as latin-1.
        uri = normalize_uri(url.encode().decode("latin-1"))
    except ValueError:
        uri = ""
    if not uri.startswith(("http://", "https://")):
        raise ValueError(f"not an absolute URL, as in https://example.com/path: {url!r}")
    key = keys.of_uri(uri)
    if key is None:
        raise ValueError(f"the key hook keeps it out of the cache: {url!r}")
    return key
