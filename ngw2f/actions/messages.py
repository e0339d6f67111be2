"""Messages: post, edit, remove, restore."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from msgspec.structs import replace
from sqlalchemy import Connection

from ngw2f.actions import idempotency, rights
from ngw2f.actions.known import Known
from ngw2f.api_resources import Message, Room
from ngw2f.broker.limits import Limits
from ngw2f.core import Core
from ngw2f.errors import Gone, Invalid, NotFound
from ngw2f.jobs.wakeup import WakeUp
from ngw2f.live.cache_groups import ROOMS, room_group
from ngw2f.live.payloads import DeletedMessage
from ngw2f.sentences import sentence_of, translatable
from ngw2f.store import audit, deleted, files, messages, readings, tasks
from ngw2f.store.events import Run
from ngw2f.store.group_commit import GroupCommit
from ngw2f.store.keys import Use, find_use, keep_key
from ngw2f.store.messages import Draft
from ngw2f.store.users import UserRow
from ngw2f.text.plain import InvalidTextError, check_source, plain_html
from ngw2f.text.visible import is_visible

# So many files in a message.
MAX_FILES = 20
NO_FILES = translatable(
    "file_ids are those of files that you uploaded to this room, and posted nowhere yet"
)
NOT_RESTORED = translatable("there is no such message, or it is too late to restore it")


@dataclass(frozen=True, slots=True)
class Posted:
    """A stored message, and the id of the task to render it if one was asked for."""

    message: Message
    task_id: str | None


@dataclass(slots=True, eq=False)
class _Post:
    """A message to store, and the key that it is posted under, with the digest of what is asked."""

    draft: Draft
    key: str | None
    asked: bytes
    with_task: bool
    file_ids: frozenset[int]


class Messages:
    def __init__(self, core: Core, limits: Limits, wakeup: WakeUp) -> None:
        self._core = core
        self._limits = limits
        # Wakes the workers that render.
        self._wakeup = wakeup
        # What is posted at the same time is stored and published together.
        self._posts = GroupCommit[_Post, Posted | None, Run](
            core.database, self._store, self._publish
        )
        # A change of a room, and of its members, drops the group of all rooms.
        self._rooms = Known[Room](core.clock)

    def post(
        self,
        user: UserRow,
        room_id: int,
        source: str,
        *,
        key: str | None = None,
        with_task: bool = False,
        reply_to: int | None = None,
        file_ids: Collection[int] = (),
    ) -> Posted:
        """Store a message in a room that the user may see; once, however often *key* is sent.

        *reply_to*: the message of this room that it answers. *file_ids*: what the user uploaded to
        this room for it; a message with files may have no text.
        Raises NotFound, TooMany, Invalid, Conflict, Gone, KeyReused.
        """
        with self._posts.coming() as coming:
            self._check_room(user, room_id)
            self._limits.take("post", user.id)
            source = self._checked(source) if is_visible(source) or not file_ids else ""
            if reply_to is not None:
                self._check_answered(user, room_id, reply_to)
            what = ["message", room_id, source, *([reply_to] if reply_to is not None else [])]
            what += [sorted(file_ids)] if file_ids else []
            asked = idempotency.digest_of(*what) if key else b""
            draft = Draft(room_id, user.id, source, plain_html(source), reply_to)
            post = _Post(draft, key, asked, with_task, frozenset(file_ids))
            posted = self._posts.ask(post, coming)
        if posted is None:
            return self._posted_before(user, key or "", asked, with_task=with_task)
        return posted

    def was_posted(self, user: UserRow, key: str) -> bool:
        """Return whether the user has posted a message under a key, deleted since or not."""
        with self._core.database.reading() as connection:
            return find_use(connection, user.id, key) is not None

    def edit(
        self, user: UserRow, message_id: int, source: str, *, with_task: bool = False
    ) -> Posted:
        """Store another source for the user's own message.

        Raises TooMany, Invalid, NotFound, Forbidden, Conflict.
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
        self._publish(run)
        return Posted(changed, task_id)

    def remove(self, user: UserRow, message_id: int) -> Message:
        """Delete the user's own message, or another's as an administrator, and return it.

        It is gone for everybody at once; an author who deletes it may restore it for some seconds.
        Raises TooMany, NotFound, Forbidden, Conflict.
        """
        core = self._core
        self._limits.take("delete", user.id)
        with core.database.writing() as connection:
            message = rights.find_message_to_delete(connection, message_id, user)
            place = message.user_id, message.room_id
            position = readings.find_position(connection, *place)
            if message.user_id == user.id:
                deleted.set_aside(connection, message_id)
            else:
                _delete_anothers(connection, user, message)
            # Its author has read all before it, and does not have to again.
            readings.keep_position(connection, *place, position)
            gone = DeletedMessage(message.id, message.room_id, message.user_id)
            run = core.events.record(connection, "message.deleted", gone)
        core.events.publish(run)
        return message

    def restore(self, user: UserRow, message_id: int) -> Message:
        """Bring back a message that the user has just deleted.

        Raises TooMany, NotFound, Conflict.
        """
        core = self._core
        self._limits.take("delete", user.id)
        with core.database.writing() as connection:
            room_id = deleted.find_room_of(connection, message_id, user.id)
            if room_id is None:
                raise NotFound(NOT_RESTORED)
            rights.find_open_room(connection, room_id, user)
            position = readings.find_position(connection, user.id, room_id)
            html = plain_html(deleted.find_source(connection, message_id))
            message = deleted.restore_message(connection, message_id, html)
            if message is None:
                raise NotFound(NOT_RESTORED)
            # It is as unread to its author as it was.
            readings.keep_position(connection, user.id, room_id, position)
            run = core.events.record(connection, "message.restored", message)
        self._publish(run)
        return message

    def _check_room(self, user: UserRow, room_id: int) -> None:
        """Raise NotFound unless the user may see the room, and so post in it."""

        def ask() -> Room:
            with self._core.database.asking() as connection:
                return rights.find_room(connection, room_id, user)

        def groups_of(room: Room) -> list[str]:
            # A public room stays one, and is never deleted: for it there is nothing to be told.
            return [ROOMS] if self._core.database.is_sqlite or not room.private else []

        self._rooms.find((room_id, user.id), ask, groups_of)

    def _check_answered(self, user: UserRow, room_id: int, message_id: int) -> None:
        """Raise Invalid unless a message is in the room; it does not tell what is elsewhere."""
        with self._core.database.asking() as connection:
            answered = messages.find_message(connection, message_id, user)
        if answered is None or answered.room_id != room_id:
            raise Invalid("reply_to must be the id of a message in the same room")

    def _store(
        self, connection: Connection, posts: Sequence[_Post]
    ) -> tuple[list[Posted | None], Run]:
        """Store posts, but none whose key was used before, and their events."""
        fresh = _fresh(connection, posts)
        rights.check_may_post(
            connection, {(each.draft.room_id, each.draft.user_id) for each in fresh}
        )
        created = messages.create_messages(connection, [each.draft for each in fresh])
        stored: dict[_Post, Posted] = {}
        for each, message in zip(fresh, created, strict=True):
            if each.key:
                keep_key(connection, message.user_id, each.key, Use(each.asked, message.id))
            task_id = _create_task(connection, message) if each.with_task else None
            stored[each] = Posted(_with_files(connection, each, message), task_id)
        shown = [each.message for each in stored.values()]
        run = self._core.events.record(connection, "message.created", *shown)
        return [stored.get(each) for each in posts], run

    def _publish(self, run: Run) -> None:
        if self._core.events.publish(run, flag=self._wakeup.flag):
            self._wakeup.wake_again()

    def _posted_before(self, user: UserRow, key: str, asked: bytes, *, with_task: bool) -> Posted:
        """Return the message that the key was used for, as it is now. Raises Gone, KeyReused."""
        core = self._core
        with core.database.reading() as connection:
            message_id = idempotency.find_made(connection, user, key, asked)
            message = messages.find_message(connection, message_id or 0, user)
        if message is None:
            raise Gone("this message was posted, and has been deleted since")
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
            raise Invalid(sentence_of(error)) from error


def _delete_anothers(connection: Connection, user: UserRow, message: Message) -> None:
    """Delete a message for good, and note that in the log."""
    if not messages.delete_message(connection, message.id):
        # Its author has just deleted it, and may restore it.
        raise NotFound(rights.NO_MESSAGE)
    room = rights.find_room(connection, message.room_id, user)
    audit.add_entry(
        connection,
        user,
        "message.deleted",
        user_id=message.user_id,
        room_id=None if room.private else room.id,
        message_id=None if room.private else message.id,
    )


def _fresh(connection: Connection, posts: Sequence[_Post]) -> list[_Post]:
    """Return the posts whose key was not used before, nor by another one of them."""
    fresh: list[_Post] = []
    used: set[tuple[int, str]] = set()
    for each in posts:
        if each.key is not None:
            use = each.draft.user_id, each.key
            if use in used or find_use(connection, *use):
                continue
            used.add(use)
        fresh.append(each)
    return fresh


def _with_files(connection: Connection, post: _Post, message: Message) -> Message:
    """Return the message with its files. Raises Invalid if it may not have one of them."""
    if not post.file_ids:
        return message
    place = message.id, message.room_id, message.user_id
    attached = files.attach_files(connection, *place, post.file_ids)
    if len(attached) < len(post.file_ids):
        raise Invalid(NO_FILES)
    return replace(message, files=attached)


def _create_task(connection: Connection, message: Message) -> str:
    return tasks.create_task(connection, message.links.self, message.id)
