"""Join stored parts of one representation (RFC 9111 section 3.4)."""

from collections.abc import Iterator

from middleware.cache.client_conditions import strongly_equal
from middleware.cache.entry import Entry
from middleware.cache.ranges import Span, join
from middleware.cache.stores.base import Store


def join_parts(store: Store, new: Entry) -> Entry:
    """Join a new part with the stored ones that it touches; return it alone if none does.

    They must be parts of one representation, which only a strong entity tag
    proves. The header fields are those of the newest response.
    """
    variants, _ = store.lookup(new.key)
    for old in variants:
        if (
            old.span is not None
            and old.selecting == new.selecting
            and strongly_equal(old.etag, new.etag)
            and store.is_current(old)
        ):
            new = _joined(store, old, new)
    return new


def _joined(store: Store, old: Entry, new: Entry) -> Entry:
    old_span, new_span = old.span, new.span
    if old_span is None or new_span is None or old_span.covers(new_span):
        return new
    span = join(old_span, new_span)
    if span is None:
        return new
    writer = store.writer()
    for piece in _pieces(old, old_span, new, new_span):
        writer.write(piece)
    return new.joined(writer.finish(), span)


def _pieces(old: Entry, old_span: Span, new: Entry, new_span: Span) -> Iterator[bytes]:
    """Yield the bytes of both, in order; those that both have come from the new one."""
    if old_span.start < new_span.start:
        yield from old.body.pieces(0, new_span.start - old_span.start)
    yield from new.body.pieces(0, new_span.size)
    if old_span.stop > new_span.stop:
        yield from old.body.pieces(new_span.stop - old_span.start, old_span.size)
