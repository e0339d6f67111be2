"""Which stored response answers a request (RFC 9111 section 4.1)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from middleware._fields import split_list, value_of
from middleware.cache.entry import Entry
from middleware.cache.vary import normalize

# The memory for one remembered selection, in bytes: once, and for each value beside its text.
_SELECTION_BYTES = 200
_VALUE_BYTES = 60
# The memory for selections that each stored response allows, beside the text of its own values.
_SELECTIONS_BYTES = 1024


def text_bytes(values: Iterable[str | None]) -> int:
    """Count the bytes of field values, which are latin-1 text."""
    return sum([len(value) for value in values if value])


def matches(entry: Entry, environ: dict[str, Any]) -> bool:
    """Return whether the stored response's selecting fields match the request."""
    return all(
        normalize(key, environ.get(key)) == stored
        or (key == "HTTP_ACCEPT_LANGUAGE" and _speaks_first_choice(entry, environ.get(key)))
        for key, stored in entry.selecting
    )


def _speaks_first_choice(entry: Entry, accept_language: str | None) -> bool:
    """Return whether the response is in the only language with the highest weight.

    No response could suit the client better, so the cache need not ask
    (RFC 9110 section 12.5.4).
    """
    weights: dict[str, float] = {}
    for member in split_list((accept_language or "").lower()):
        language, _, weight = member.partition(";")
        try:
            weights[language.strip()] = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            return False
    best = max(weights.values(), default=0)
    choices = [language for language, weight in weights.items() if weight == best > 0]
    spoken = value_of(entry.headers, "content-language")
    return spoken is not None and choices == [spoken.lower()]


def supersedes(new: Entry, old: Entry) -> bool:
    """Return whether the new response replaces the old one in the store."""
    if new.selecting != old.selecting:
        return False
    # Parts of one representation are kept until they can be joined (RFC 9111 section 3.4).
    return new.span is None or (old.span is not None and new.span.covers(old.span))


class Variants:
    """The stored responses of one resource, newest first; never changed after it is made."""

    __slots__ = ("_remembered", "_remembered_bytes", "entries", "keys")

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self.entries = tuple(entries)
        self.keys = tuple(sorted({key for entry in entries for key, _ in entry.selecting}))
        self._remembered: dict[tuple[str | None, ...], tuple[Entry, ...]] = {}
        self._remembered_bytes = 0

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def select(self, environ: dict[str, Any]) -> tuple[Entry, ...]:
        """List the stored responses that match the request, newest first.

        The result for each set of raw values is remembered, so that a hit
        compares and normalizes nothing.
        """
        get = environ.get
        values = tuple([get(key) for key in self.keys])
        found = self._remembered.get(values)
        if found is None:
            found = tuple(entry for entry in self.entries if matches(entry, environ))
            self._remember(values, found)
        return found

    def _remember(self, values: tuple[str | None, ...], found: tuple[Entry, ...]) -> None:
        """Remember a selection, within the memory that the stored responses allow.

        Clients choose the values, and make them as long as the server accepts.
        """
        size = _SELECTION_BYTES + _VALUE_BYTES * len(values) + text_bytes(values)
        room = sum(_SELECTIONS_BYTES + text_bytes(dict(e.selecting).values()) for e in self.entries)
        if size > room:
            return
        if self._remembered_bytes + size > room:
            self._remembered.clear()
            self._remembered_bytes = 0
        self._remembered[values] = found
        self._remembered_bytes += size

    def with_entry(self, new: Entry, limit: int) -> "Variants":
        """Copy with the response added, without those it supersedes, at most `limit` of them."""
        kept = [old for old in self.entries if not supersedes(new, old)]
        return Variants([new, *kept][:limit])

    def replacing(self, old: Entry, new: Entry) -> "Variants":
        """Copy with one response in the place of another."""
        return Variants([new if entry is old else entry for entry in self.entries])
