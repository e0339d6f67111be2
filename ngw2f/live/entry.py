"""One entry of the stream, and its id as Redis writes it: milliseconds-counter."""

import re
from collections.abc import Mapping
from typing import NamedTuple, Self

from ngw2f.store.events import StoredEvent

ENTRY_ID = re.compile(r"([0-9]{1,20})(?:-([0-9]{1,20}))?")

# Events are missing: a client reads anew. It is stored where a backup has taken the place of a
# database (ngw2f/store/succession.py), and said to clients that are too far behind.
RESYNC = "resync"

# Events that tell the hubs something, and no client.
REVOKED = "tokens.revoked"
INTERNAL = frozenset({REVOKED})


class EntryId(NamedTuple):
    """Where an entry is in the stream; a later one is greater."""

    milliseconds: int
    counter: int = 0

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the id that *text* is, None if it is none."""
        match = ENTRY_ID.fullmatch(text.strip())
        return cls(int(match[1]), int(match[2] or 0)) if match else None

    def __str__(self) -> str:
        # Before the first of all ids there is none, and none is written.
        return f"{self.milliseconds}-{max(self.counter, 0)}"


class Entry:
    """An event as it came from the stream, with the bytes that each form makes of it."""

    __slots__ = ("_frames", "data", "id", "name", "previous_id", "room_id")

    def __init__(
        self,
        entry_id: EntryId,
        name: str,
        data: bytes,
        room_id: int | None,
        previous_id: int | None = None,
    ) -> None:
        self.id = entry_id
        # The stored event that it follows, where the stream says it.
        self.previous_id = previous_id
        self.name = name
        self.data = data
        self.room_id = room_id
        self._frames: dict[str, bytes] = {}

    @classmethod
    def of_fields(cls, entry_id: bytes, fields: Mapping[bytes, bytes]) -> Self | None:
        """Return the entry that Redis gave, None if it is none of ours."""
        parsed = EntryId.parse(entry_id.decode())
        name, data, room = (fields.get(key) for key in (b"event", b"data", b"room"))
        if parsed is None or name is None or data is None:
            return None
        previous = fields.get(b"previous")
        return cls(
            parsed,
            name.decode(),
            data,
            int(room) if room else None,
            int(previous) if previous else None,
        )

    def frame(self, form: "Form") -> bytes:
        """Return the entry in *form*, made once for all who read it."""
        frame = self._frames.get(form.name)
        if frame is None:
            frame = form.resync(self.id) if self.name == RESYNC else form.frame(self)
            self._frames[form.name] = frame
        return frame

    def is_framed(self, form: "Form") -> bool:
        return form.name in self._frames

    def replace(self, form: "Form") -> None:
        """Have those who read in *form* read anew instead, because the entry cannot be framed."""
        self._frames[form.name] = form.resync(self.id)


def entry_of(event: StoredEvent) -> Entry:
    """Return a stored event as the stream would have it."""
    return Entry(EntryId(event.id), event.name, event.data.encode(), event.room_id)


class Form:
    """How entries, and what a transport says beside them, look as bytes.

    The defaults say nothing: a form has what its transport needs.
    """

    name = ""
    # What /metrics counts its clients as, if not by the name.
    counted_as = ""
    # What shows that the connection lives, where nothing else was said for a while.
    heartbeat = b""

    def frame(self, entry: Entry) -> bytes:
        raise NotImplementedError

    def greeting(self, position: EntryId) -> bytes:
        """Return what comes first, so that a client knows where it begins.

        It is not empty where the transport has a heartbeat: the head of a response goes
        out with the body's first bytes (PEP 3333), and a client waits for the head.
        """
        return self.heartbeat

    def resync(self, position: EntryId) -> bytes:
        """Return what tells that events are missing before *position*."""
        return self.frame(Entry(position, RESYNC, b"{}", None))

    def farewell(self) -> bytes:
        """Return what comes last, when the server is about to stop."""
        return b""
