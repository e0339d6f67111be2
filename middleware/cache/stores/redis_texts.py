"""The text of a stored response in Redis: a line of bookkeeping, then a JSON object.

The line is what the scripts read: when the response's request started, the name of its body, and
the slots of its groups.
"""

import json
from dataclasses import asdict

from middleware.cache.entry import Entry
from middleware.cache.policy import CachePolicy
from middleware.cache.ranges import Span
from middleware.cache.stores.redis_bodies import Bodies, RedisBody

# The number of parsed entries that a process keeps; beyond it, all are forgotten.
_REMEMBERED = 1024


def body_of(entry: Entry) -> RedisBody:
    """Return the body of an entry of this store."""
    assert isinstance(entry.body, RedisBody)  # noqa: S101 - this store made it; for the checker.
    return entry.body


class Texts:
    """Turns entries into texts and back; a text that comes again is not parsed again."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._parsed: dict[bytes, Entry] = {}

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

    def entry(self, key: str, identity: bytes, text: bytes) -> Entry | None:
        """Return the entry in a text; None if another release wrote it, in another form."""
        known = self._parsed.get(identity + text)
        if known is not None and known.key == key:
            return known
        try:
            entry = self._parse(key, identity.decode(), text)
        except (ValueError, TypeError, LookupError):
            return None
        if len(self._parsed) >= _REMEMBERED:
            self._parsed.clear()
        self._parsed[identity + text] = entry
        return entry

    def _parse(self, key: str, identity: str, text: bytes) -> Entry:
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
