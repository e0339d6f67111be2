"""One entry of the stream, and its id as Redis writes it: milliseconds-counter."""

import re
from collections.abc import Mapping
from typing import NamedTuple, Self

from ngw2f.store.events import StoredEvent

ENTRY_ID = re.compile(r"([0-9]{1,20})(?:-([0-9]{1,20}))?")

# Events are missing: a client has to read everything again. Stored when a backup replaces the
# database (ngw2f/store/succession.py), and sent to clients that are too far behind.
RESYNC = "resync"

# Events for the hubs alone: no client gets them.
REVOKED = "tokens.revoked"
INTERNAL = frozenset({REVOKED})


class EntryId(NamedTuple):
    """The position of an entry in the stream; later ones are greater."""

    milliseconds: int
    counter: int = 0

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the id in *text*, or None if it is not one."""
        match = ENTRY_ID.fullmatch(text.strip())
        return cls(int(match[1]), int(match[2] or 0)) if match else None

    def __str__(self) -> str:
        # EntryId(0, -1), before all others, is written as the first one.
        return f"{self.milliseconds}-{max(self.counter, 0)}"


class Entry:
    """An event from the stream, with its bytes in each form that was asked for."""

    __slots__ = ("_frames", "data", "id", "name", "previous_id", "room_id", "user_id")

    def __init__(
        self,
        entry_id: EntryId,
        name: str,
        data: bytes,
        room_id: int | None,
        previous_id: int | None = None,
        user_id: int | None = None,
    ) -> None:
        self.id = entry_id
        # The stored event before it, if the stream says which.
        self.previous_id = previous_id
        self.name = name
        self.data = data
        self.room_id = room_id
        # The only user who gets it; None: all who may see the room.
        self.user_id = user_id
        self._frames: dict[str, bytes] = {}

    @classmethod
    def of_fields(cls, entry_id: bytes, fields: Mapping[bytes, bytes]) -> Self | None:
        """Return an entry from Redis, or None if it is not an event of ours."""
        parsed = EntryId.parse(entry_id.decode())
        data, room, user = (fields.get(key) for key in (b"data", b"room", b"user"))
        name = fields.get(b"personal" if user else b"event")
        if parsed is None or name is None or data is None:
            return None
        previous = fields.get(b"previous")
        return cls(
            parsed,
            name.decode(),
            data,
            int(room) if room else None,
            int(previous) if previous else None,
            int(user) if user else None,
        )

    def frame(self, form: "Form") -> bytes:
        """Return the entry in *form*; it is made once for all readers."""
        frame = self._frames.get(form.name)
        if frame is None:
            frame = form.resync(self.id) if self.name == RESYNC else form.frame(self)
            self._frames[form.name] = frame
        return frame

    def is_framed(self, form: "Form") -> bool:
        return form.name in self._frames

    def replace(self, form: "Form") -> None:
        """Send `resync` to the readers of *form* instead of the entry, which cannot be framed."""
        self._frames[form.name] = form.resync(self.id)


def entry_of(event: StoredEvent) -> Entry:
    """Return a stored event as an entry of the stream."""
    data = event.data.encode()
    return Entry(EntryId(event.id), event.name, data, event.room_id, user_id=event.user_id)


class Form:
    """How a transport writes entries, and what it sends besides them.

    By default it sends nothing else; a form adds what its transport needs.
    """

    name = ""
    # The name under which /metrics counts its clients, if it is another one.
    counted_as = ""
    # Whether framing an entry may query the database.
    queries = False
    # Sent when nothing else was, to show that the connection is alive.
    heartbeat = b""

    def frame(self, entry: Entry) -> bytes:
        raise NotImplementedError

    def greeting(self, position: EntryId) -> bytes:
        """Return the first bytes, which say where in the stream the client begins.

        Not empty for a transport with a heartbeat: a server sends the head of a response with
        the first bytes of the body (PEP 3333), and the client waits for the head.
        """
        return self.heartbeat

    def checkpoint(self, position: EntryId) -> bytes:
        """Return a heartbeat that says how far the client is, where the transport can."""
        return self.heartbeat

    def resync(self, position: EntryId) -> bytes:
        """Return what says that events before *position* are missing."""
        return self.frame(Entry(position, RESYNC, b"{}", None))

    def farewell(self) -> bytes:
        """Return the last bytes, before the server stops."""
        return b""
