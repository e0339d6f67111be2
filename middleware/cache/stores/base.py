"""The interface between the cache and a place to keep responses."""

from collections.abc import Iterable
from typing import Protocol

from middleware.cache.entry import Body, Entry
from middleware.cache.variants import Variants

# Variants kept of one resource where a lookup reads them all; a Vary on a field with many
# values must not fill the store.
MAX_VARIANTS = 32


class BodyWriter(Protocol):
    """Takes the body of one response while it passes."""

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        ...

    def finish(self) -> Body:
        """Give the body; nothing is written after that."""
        ...

    def discard(self) -> None:
        """Forget what was written."""
        ...


class Store(Protocol):
    """Keeps entries by key, and knows which groups were dropped since."""

    def lookup(self, key: str) -> tuple[Variants, int]:
        """Give the stored responses of a key, and the group clock's time for a new one.

        They may include entries that are no longer current, as candidates for validation.
        """
        ...

    def is_current(self, entry: Entry) -> bool:
        """Say whether none of the entry's groups was dropped since its request had started."""
        ...

    def writer(self) -> BodyWriter:
        """Begin to store a body."""
        ...

    def put(self, entry: Entry) -> bool:
        """Store a response; False if it was not, for instance because a group was dropped."""
        ...

    def refresh(self, old: Entry, new: Entry) -> bool:
        """Put an entry in the place of another that has the same body."""
        ...

    def drop(self, names: Iterable[str]) -> None:
        """Drop groups; the key of a response is a group as well."""
        ...
