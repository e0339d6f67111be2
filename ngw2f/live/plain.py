"""The events for people with telnet or curl: a line for each."""

import time
from typing import Any

import msgspec

from ngw2f.live.entry import Entry, EntryId, Form
from ngw2f.store import rooms, users
from ngw2f.store.database import Database


class PlainText(Form):
    """Lines of text; nothing for events that are not for people."""

    name = "text"
    queries = True
    # Leaves a terminal's cursor where it is: at the start of a line.
    heartbeat = b"\r"

    def __init__(self, database: Database) -> None:
        self._database = database

    def frame(self, entry: Entry) -> bytes:
        line = self._line(entry.name, msgspec.json.decode(entry.data))
        return line.encode() + b"\n" if line else b""

    def resync(self, position: EntryId) -> bytes:
        return b"(some messages are missing here)\n"

    def farewell(self) -> bytes:
        return b"(the server restarts; come back in a moment)\n"

    def _line(self, name: str, data: Any) -> str:
        match name:
            case "message.created":
                return self._said(data, "")
            case "message.updated" if not data["rendered"]:
                return self._said(data, " (changed)")
            case "message.restored":
                return self._said(data, " (restored)")
            case "message.deleted":
                return f"{self._where(data)} {self._who(data)} has deleted message {data['id']}"
            case "room.created":
                people = [each["nickname"] for each in data.get("people", ())]
                return f"There is a new room: {data['name'] or ', '.join(people)}"
        return ""

    def _said(self, message: Any, remark: str) -> str:
        text = message["source"].replace("\n", "\n    ")
        return f"{self._where(message)} {self._who(message)}{remark}: {text}"

    def _where(self, message: Any) -> str:
        clock = time.strftime("%H:%M:%S", time.gmtime(message.get("updated_at", time.time())))
        with self._database.reading() as connection:
            return f"[{clock} {rooms.name_of(connection, message['room_id'])}]"

    def _who(self, message: Any) -> str:
        user_id: int = message["user_id"]
        with self._database.reading() as connection:
            return users.nicknames_of(connection, {user_id}).get(user_id, "?")
