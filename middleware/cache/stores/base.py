"""The interface between the cache and a place to keep responses."""

from collections.abc import Iterable
from typing import Protocol

from middleware.cache.entry import Body, Entry
from middleware.cache.variants import Variants

# The most variants of one resource, if a lookup reads all of them: a Vary on a field with many
# values must not fill the store.
MAX_VARIANTS = 32
# The time that a store gives while it cannot be reached: what is requested then is not stored.
NO_TIME = -1


class BodyWriter(Protocol):
    """Takes the body of one response while it passes."""

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        ...

    def finish(self) -> Body:
        """Return the body; no write follows."""
        ...

    def discard(self) -> None:
        """Forget what was written."""
        ...


class Store(Protocol):
    """Keeps entries by key, and knows when their groups were last dropped."""

    def lookup(self, key: str) -> tuple[Variants, int]:
        """Return the stored responses of a key, and the group clock's time for a new one.

        `NO_TIME` if it will not be stored; then no request waits for the response to another.
        These may include entries that are no longer current, which are of no use any more.
        """
        ...

    def is_current(self, entry: Entry) -> bool:
        """Return whether none of the entry's groups was dropped since its request had started."""
        ...

    def writer(self) -> BodyWriter:
        """Begin to store a body."""
        ...

    def put(self, entry: Entry) -> bool | None:
        """Store a response; False if it was not, for instance because a group was dropped.

        None if there is no room for one as large.
        """
        ...

    def refresh(self, old: Entry, new: Entry) -> bool:
        """Replace an entry by another with the same body; False if that was not possible."""
        ...

    def drop(self, names: Iterable[str]) -> bool:
        """Drop groups; the key of a response is a group as well.

        False if the store could not be reached: then it finds none of them until that is done.
        """
        ...
