"""What a message has in other tables: previews, files, ...; and the message as a whole."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from ngw2f.api_resources import File, Message, Preview, Reaction
from ngw2f.store.files import files_of
from ngw2f.store.mentions import mentions_of
from ngw2f.store.previews import previews_of
from ngw2f.store.reactions import reactions_of
from ngw2f.store.readings import EVERYBODY


class Parts(NamedTuple):
    """Each by the ids of messages; those that have none are missing."""

    previews: Mapping[int, tuple[Preview, ...]]
    mentions: Mapping[int, tuple[int, ...]]
    reactions: Mapping[int, tuple[Reaction, ...]]
    files: Mapping[int, tuple[File, ...]]

    def whole(self, row: Sequence[Any]) -> Message:
        """Return the message whose own columns *row* has (ngw2f/store/messages.py)."""
        *own, reply_to = row
        whom = self.mentions.get(row[0], ())
        is_for_all = EVERYBODY in whom
        beside = self.previews.get(row[0], ()), whom[1:] if is_for_all else whom
        fields: list[Any] = [*own, *beside]
        return Message.of(
            *fields,
            mentions_room=is_for_all,
            reply_to=reply_to,
            reactions=self.reactions.get(row[0], ()),
            files=self.files.get(row[0], ()),
        )


def parts_of(connection: Connection, message_ids: Collection[int]) -> Parts:
    if not message_ids:
        return Parts({}, {}, {}, {})
    return Parts(
        previews_of(connection, message_ids),
        mentions_of(connection, message_ids),
        reactions_of(connection, message_ids),
        files_of(connection, message_ids),
    )
