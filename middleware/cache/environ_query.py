"""Put the query of the cache key in place of the client's while the application runs.

They differ only by a `key` hook. What the key does not have, the application must not see: it might
show it, and everybody would get that response.
"""

from middleware.cache.key import query_of
from middleware.cache.parts import Environ

_URIS = ("RAW_URI", "REQUEST_URI")


def hides_query(environ: Environ, key: str) -> bool:
    """Return whether the key has another query than the request."""
    return bool(environ.get("QUERY_STRING", "") != query_of(key))


class KeyedQuery:
    """The query of one request, wherever environ has it."""

    def __init__(self, environ: Environ, key: str) -> None:
        self._environ = environ
        self._key = key
        self._of_client: Environ = {}

    @property
    def is_replaced(self) -> bool:
        """Return whether environ is to be restored at the end."""
        return bool(self._of_client)

    def replace(self) -> None:
        """Take the client's query out of environ, and put the key's in."""
        if not hides_query(self._environ, self._key):
            return
        query, environ = query_of(self._key), self._environ
        self._of_client = {"QUERY_STRING": environ.get("QUERY_STRING", "")}
        environ["QUERY_STRING"] = query
        for name in _URIS:
            if name in environ:
                self._of_client[name] = environ[name]
                path = environ[name].partition("?")[0]
                environ[name] = f"{path}?{query}" if query else path

    def restore(self) -> None:
        """Put the client's query back."""
        self._environ.update(self._of_client)
        self._of_client = {}
