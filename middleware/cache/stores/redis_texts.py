"""The text of a stored response in Redis: a line of bookkeeping, then a JSON object.

The line is what the scripts read: when the response's request started, the name of its body, and
the slots of its groups.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from middleware.cache.entry import Entry
from middleware.cache.policy import CachePolicy
from middleware.cache.ranges import Span
from middleware.cache.stores.redis_bodies import Bodies, RedisBody
from middleware.cache.variants import Variants

# The number of parsed entries that a process keeps; beyond it, all are forgotten.
_REMEMBERED = 1024


def body_of(entry: Entry) -> RedisBody:
    """Return the body of an entry of this store."""
    assert isinstance(entry.body, RedisBody)  # noqa: S101 - this store made it; for the checker.
    return entry.body


@dataclass(frozen=True, slots=True)
class _Known:
    """The texts of a resource, as they last came, and what is in them."""

    texts: Sequence[bytes]
    entries: dict[tuple[bytes, bytes], Entry]
    variants: Variants


class Texts:
    """Turns entries into texts and back; a text that comes again is not parsed again."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._known: dict[str, _Known] = {}
        self._count = 0

    def text(self, entry: Entry) -> str:
        """Return an entry as text."""
        body = body_of(entry)
        head = " ".join(map(str, (entry.started, self._bodies.name_of(body), *entry.slots)))
        parts = {
            "status": entry.status,
            "headers": entry.received_headers,
            "selecting": entry.selecting,
            "times": [entry.request_time, entry.response_time],
            "span": entry.span and [entry.span.start, entry.span.stop, entry.span.total],
            "size": body.size,
            "policy": asdict(entry.policy),
        }
        return f"{head}\n{json.dumps(parts)}"

    def variants(self, key: str, texts: Sequence[bytes]) -> Variants:
        """Return the entries of a resource from its identities and texts, in turn; newest first.

        An entry that another release wrote, in another form, is left out. While the texts are the
        same as the last time, so is the result, with the selections that it remembers.
        """
        last = self._known.get(key)
        if last is not None and last.texts == texts:
            return last.variants
        before = {} if last is None else last.entries
        pairs = list(zip(texts[::2], texts[1::2], strict=True))
        found = {pair: before.get(pair) or self._parse(key, *pair) for pair in pairs}
        entries = {pair: entry for pair, entry in found.items() if entry is not None}
        by_age = sorted(entries.values(), key=lambda entry: entry.response_time, reverse=True)
        known = _Known(texts, entries, Variants(by_age))
        self._remember(key, known)
        return known.variants

    def _remember(self, key: str, known: "_Known") -> None:
        # Two threads at once may miscount by some entries, until all are forgotten.
        self._count += len(known.entries) - len(self._forgotten(key))
        if self._count > _REMEMBERED:
            self._known.clear()
            self._count = len(known.entries)
        if known.entries:
            self._known[key] = known

    def _forgotten(self, key: str) -> dict[tuple[bytes, bytes], Entry]:
        last = self._known.pop(key, None)
        return {} if last is None else last.entries

    def _parse(self, key: str, identity: bytes, text: bytes) -> Entry | None:
        try:
            return self._parsed(key, identity.decode(), text)
        except (ValueError, TypeError, LookupError):
            return None

    def _parsed(self, key: str, identity: str, text: bytes) -> Entry:
        head, _, rest = text.partition(b"\n")
        started, name, *slots = head.split()
        parts = json.loads(rest)
        entry = Entry(
            key=key,
            identity=identity,
            status=parts["status"],
            headers=[(name, value) for name, value in parts["headers"]],
            selecting=tuple((name, value) for name, value in parts["selecting"]),
            request_time=parts["times"][0],
            response_time=parts["times"][1],
            started=int(started),
            body=self._bodies.body(name.decode(), parts["size"]),
            policy=CachePolicy(**parts["policy"]),
            span=Span(*parts["span"]) if parts["span"] else None,
        )
        if entry.slots != tuple(map(int, slots)):
            raise ValueError("it belongs to other groups, by which a drop would not find it")
        return entry
