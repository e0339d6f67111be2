"""Messages: post, edit, remove."""

from dataclasses import dataclass

from sqlalchemy import Connection

from ngw2f.actions import idempotency, rights
from ngw2f.broker.limits import Limits
from ngw2f.core import Core
from ngw2f.errors import Gone, Invalid, NotFound
from ngw2f.jobs.wakeup import WakeUp
from ngw2f.live.cache_groups import room_group
from ngw2f.live.payloads import DeletedMessage
from ngw2f.resources import Message
from ngw2f.store import messages, tasks
from ngw2f.store.keys import KeyUsedError, Use, keep_key
from ngw2f.store.users import UserRow
from ngw2f.text.plain import InvalidTextError, check_source, plain_html


@dataclass(frozen=True, slots=True)
class Posted:
    """A stored message, and the id of the task to render it if one was asked for."""

    message: Message
    task_id: str | None


class Messages:
    def __init__(self, core: Core, limits: Limits, wakeup: WakeUp) -> None:
        self._core = core
        self._limits = limits
        # Wakes the workers that render.
        self._wakeup = wakeup

    def post(
        self,
        user: UserRow,
        room_id: int,
        source: str,
        *,
        key: str | None = None,
        with_task: bool = False,
    ) -> Posted:
        """Store a message in a room that the user may see; once, however often *key* is sent.

        Raises NotFound, TooMany, Invalid, Gone, KeyReused.
        """
        core = self._core
        with core.database.reading() as connection:
            room = rights.find_room(connection, room_id, user)
        self._limits.take("post", user.id)
        source = self._checked(source)
        asked = idempotency.digest_of("message", room.id, source) if key else b""
        try:
            with core.database.writing() as connection:
                html = plain_html(source)
                message = messages.create_message(connection, room.id, user.id, source, html)
                if key:
                    keep_key(connection, user.id, key, Use(asked, message.id))
                task_id = _create_task(connection, message) if with_task else None
                run = core.events.record(connection, "message.created", message)
        except KeyUsedError as error:
            return self._posted_before(user, str(error), asked, with_task=with_task)
        core.events.publish(run)
        self._wakeup.wake()
        return Posted(message, task_id)

    def edit(
        self, user: UserRow, message_id: int, source: str, *, with_task: bool = False
    ) -> Posted:
        """Store another source for the user's own message.

        Raises TooMany, Invalid, NotFound, Forbidden.
        """
        core = self._core
        self._limits.take("edit", user.id)
        source = self._checked(source)
        with core.database.writing() as connection:
            message = rights.find_own_message(connection, message_id, user)
            changed = messages.change_message(connection, message, source, plain_html(source))
            if changed is None:
                raise NotFound(rights.NO_MESSAGE)
            task_id = _create_task(connection, message) if with_task else None
            run = core.events.record(connection, "message.updated", changed)
        core.events.publish(run)
        self._wakeup.wake()
        return Posted(changed, task_id)

    def remove(self, user: UserRow, message_id: int) -> Message:
        """Delete the user's own message and return it. Raises TooMany, NotFound, Forbidden."""
        core = self._core
        self._limits.take("delete", user.id)
        with core.database.writing() as connection:
            message = rights.find_own_message(connection, message_id, user)
            messages.delete_message(connection, message_id)
            deleted = DeletedMessage(message.id, message.room_id, message.user_id)
            run = core.events.record(connection, "message.deleted", deleted)
        core.events.publish(run)
        return message

    def _posted_before(self, user: UserRow, key: str, asked: bytes, *, with_task: bool) -> Posted:
        """Return the message that the key was used for, as it is now. Raises Gone, KeyReused."""
        core = self._core
        with core.database.reading() as connection:
            message_id = idempotency.find_made(connection, user, key, asked)
            message = messages.find_message(connection, message_id or 0, user)
        if message is None:
            raise Gone("this message was posted, and is deleted since")
        task_id = None
        if with_task and not message.rendered:
            with core.database.writing() as connection:
                task_id = tasks.find_task_of(connection, message.id)
                task_id = task_id or _create_task(connection, message)
        # The process that stored it may have been killed before it did this.
        core.clock.drop([room_group(message.room_id)])
        self._wakeup.wake()
        return Posted(message, task_id)

    def _checked(self, source: str) -> str:
        try:
            return check_source(source, self._core.settings.max_message_characters)
        except InvalidTextError as error:
            raise Invalid(str(error)) from error


def _create_task(connection: Connection, message: Message) -> str:
    return tasks.create_task(connection, message.links.self, message.id)
