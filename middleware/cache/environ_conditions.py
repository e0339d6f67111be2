"""Put the cache's conditions in place of the client's while the application runs."""

from collections.abc import Sequence

from middleware._wsgi import Headers
from middleware.cache.entry import Entry
from middleware.cache.parts import Environ, Request
from middleware.cache.revalidation import conditions_for, entry_to_update

_FIELDS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE")


class Conditions:
    """Asks the application whether one of the candidates is still current.

    `by_etag`: the request selects none of the candidates, so only an entity tag can tell.
    `answers_client`: the cache evaluates the client's conditions even if it has none of its own.
    Without either, they are the application's to evaluate.
    """

    def __init__(
        self, request: Request, candidates: Sequence[Entry], *, by_etag: bool, answers_client: bool
    ) -> None:
        self._environ = request.environ
        self._candidates = candidates
        self._by_etag = by_etag
        self._own = conditions_for(candidates, by_etag=by_etag) if request.method == "GET" else {}
        self._replaces = request.method == "GET" and (bool(self._own) or answers_client)
        # The client's conditions, for as long as they are not in environ.
        self.of_client: dict[str, str] = {}
        self._environ_before: Environ = {}

    @property
    def are_asked(self) -> bool:
        """Return whether the application finds the cache's conditions in environ."""
        return bool(self._own)

    @property
    def are_replaced(self) -> bool:
        """Return whether environ is to be restored at the end."""
        return bool(self._own or self.of_client)

    def replace(self) -> None:
        """Take the client's conditions out of environ, and put the cache's in."""
        if not self._replaces:
            return
        self.of_client = {key: self._environ.pop(key) for key in _FIELDS if key in self._environ}
        if self._own:
            self._environ_before = dict(self._environ)
            self._environ.update(self._own)

    def entry_for(self, headers: Headers) -> Entry | None:
        """Return the candidate that a 304 with these fields confirms, if it still has its body."""
        chosen = entry_to_update(self._candidates, headers, by_etag=self._by_etag)
        return chosen if chosen is not None and chosen.is_at_hand else None

    def withdraw(self) -> None:
        """Make environ what it was before the call, without any conditions.

        All of it: the application may have moved the path, as dispatchers do.
        """
        self._environ.clear()
        self._environ.update(self._environ_before)
        self._own = {}

    def restore(self) -> None:
        """Put the client's conditions back."""
        if self.are_replaced:
            for key in _FIELDS:
                self._environ.pop(key, None)
            self._environ.update(self.of_client)
            self._own, self.of_client = {}, {}
