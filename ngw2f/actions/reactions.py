"""Reactions to messages: put an emoji beside a message, and take it away."""

from ngw2f.actions import rights
from ngw2f.api_resources import Reacted, Reaction
from ngw2f.broker.limits import Limits
from ngw2f.core import Core
from ngw2f.errors import Conflict, Invalid, NotFound
from ngw2f.sentences import Sentence
from ngw2f.store import messages, reactions
from ngw2f.store.users import UserRow
from ngw2f.text.emoji import is_emoji

# So many different ones, however many people put each.
MAX_EMOJI = 20


class Reactions:
    def __init__(self, core: Core, limits: Limits) -> None:
        self._core = core
        self._limits = limits

    def react(
        self, user: UserRow, message_id: int, emoji: str, *, is_on: bool | None
    ) -> tuple[Reaction, ...]:
        """Put an emoji beside a message that the user may see, or take it away; return them all.

        *is_on*: whether it is to be there; None: the opposite of now. Otherwise doing it again
        changes nothing. Raises TooMany, Invalid, NotFound, Conflict.
        """
        self._limits.take("react", user.id)
        if not is_emoji(emoji):
            raise Invalid("a reaction must be one emoji")
        with self._core.database.writing() as connection:
            message = rights.find_message(connection, message_id, user)
            rights.check_rooms_open(connection, [message.room_id])
            if not messages.lock_messages(connection, [message.id]):
                raise NotFound(rights.NO_MESSAGE)
            own = reactions.own_reactions(connection, [message.id], user.id).get(message.id, set())
            was_on = emoji in own
            adds = not was_on if is_on is None else is_on
            if adds == was_on:
                return message.reactions
            before = reactions.reactions_of(connection, [message.id]).get(message.id, ())
            if adds:
                _check_number(before, emoji)
            now = messages.touch_messages(connection, [message.id])
            change = reactions.add_reaction if adds else reactions.remove_reaction
            change(connection, message.id, emoji, user.id, now)
            after = reactions.reactions_of(connection, [message.id]).get(message.id, ())
            changed = Reacted(message.id, message.room_id, user.id, emoji, adds, after, now)
            run = self._core.events.record(connection, "message.reacted", changed)
        self._core.events.publish(run)
        return after


def _check_number(before: tuple[Reaction, ...], emoji: str) -> None:
    """Raise Conflict if there are too many others for a new one."""
    if len(before) >= MAX_EMOJI and all(each.emoji != emoji for each in before):
        raise Conflict(
            Sentence("a message may have at most %(most)d different reactions", most=MAX_EMOJI)
        )
