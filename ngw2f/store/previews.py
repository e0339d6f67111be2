"""Previews of links: which messages show them, their content, and which wait to be fetched."""

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from ngw2f.api_resources import Preview
from ngw2f.store.among import among
from ngw2f.store.prepared import Prepared
from ngw2f.store.schema import message_previews, messages, previews, thumbnails

NAME_BYTES = 16
PATH = "/thumbnails/"

SHOWN = (
    previews.c.url,
    previews.c.title,
    previews.c.description,
    previews.c.site_name,
    previews.c.image,
    previews.c.image_width,
    previews.c.image_height,
)
OF_MESSAGES = Prepared(
    select(message_previews.c.message_id, *SHOWN)
    .join_from(message_previews, previews)
    .where(among(message_previews.c.message_id, "ids"))
    .order_by(message_previews.c.message_id, message_previews.c.position)
)
DUE = (
    select(previews.c.id, previews.c.url, previews.c.site, previews.c.failures)
    .where(
        previews.c.due_at <= bindparam("now"),
        previews.c.id.not_in(bindparam("ids", expanding=True)),
        previews.c.site.not_in(bindparam("sites", expanding=True)),
    )
    .order_by(previews.c.due_at, previews.c.id)
    .limit(bindparam("limit"))
)

DUE_BEFORE = Prepared(select(previews.c.id).where(previews.c.due_at < bindparam("time")).limit(1))
UNNOTIFIED = Prepared(
    select(previews.c.id, previews.c.notify_below_id)
    .where(previews.c.notify_below_id.is_not(None))
    .order_by(previews.c.id)
    .limit(1)
)

# Each fetched link runs these, and others wait for the database meanwhile.
_OF_PREVIEW = previews.c.id == bindparam("preview_id")
_OF_THUMBNAIL = thumbnails.c.preview_id == bindparam("preview_id")
_CONTENT = [column.name for column in SHOWN if column.name != "url"]
_OF_MESSAGES = message_previews.c.preview_id == bindparam("preview_id")
_NEWEST = select(func.max(message_previews.c.message_id) + 1).where(_OF_MESSAGES)
SET_CONTENT = Prepared(
    update(previews)
    .where(_OF_PREVIEW, or_(*(previews.c[name] != bindparam(f"new_{name}") for name in _CONTENT)))
    .values({name: bindparam(f"new_{name}") for name in _CONTENT})
    .values(notify_below_id=_NEWEST.scalar_subquery())
)
_SCHEDULE: dict[str, Any] = {
    name: bindparam(f"new_{name}") for name in ("expires_at", "due_at", "failures")
}
SET_SCHEDULE = Prepared(update(previews).where(_OF_PREVIEW).values(_SCHEDULE))
TO_NOTIFY = Prepared(
    select(message_previews.c.message_id)
    .distinct()
    .where(_OF_MESSAGES, message_previews.c.message_id < bindparam("below"))
    .order_by(message_previews.c.message_id.desc())
    .limit(bindparam("limit"))
)
SET_NOTIFIED = Prepared(
    update(previews).where(_OF_PREVIEW).values(notify_below_id=bindparam("before"))
)
THUMBNAIL = Prepared(select(thumbnails.c.name, thumbnails.c.body).where(_OF_THUMBNAIL))


@dataclass(frozen=True, slots=True)
class DuePreview:
    """A link that waits to be fetched, its site, and how often fetching failed in a row."""

    id: int
    url: str
    site: str
    failures: int


class StoredThumbnail(NamedTuple):
    """A picture of a link, and the private room whose link it is, 0 for all public ones."""

    media_type: str
    body: bytes
    private_room_id: int


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a link: texts, and the thumbnail's body, media type and size in pixels."""

    title: str = ""
    description: str = ""
    site_name: str = ""
    thumbnail: bytes = b""
    media_type: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the content expires, when to fetch it next, and how often fetching failed in a row."""

    expires_at: float
    due_at: float | None = None
    failures: int = 0


def previews_of(
    connection: Connection, message_ids: Collection[int]
) -> dict[int, tuple[Preview, ...]]:
    """Return the previews that messages show."""
    rows: dict[int, list[Sequence[Any]]] = {}
    for message_id, *shown in OF_MESSAGES.fetch(connection, {"ids": list(message_ids)}):
        rows.setdefault(message_id, []).append(shown)
    return {message_id: shown_of(of_message) for message_id, of_message in rows.items()}


def shown_of(rows: Iterable[Sequence[Any]]) -> tuple[Preview, ...]:
    """Return the previews of rows of the columns SHOWN, without empty ones."""
    return tuple(
        Preview(url, title, description, site_name, f"{PATH}{image}" if image else "", *size)
        for url, title, description, site_name, image, *size in rows
        if title or description or image
    )


def list_due(
    connection: Connection,
    now: float,
    limit: int,
    exclude_ids: Collection[int] = (),
    exclude_sites: Collection[str] = (),
) -> list[DuePreview]:
    """Return the links that have waited longest to be fetched, with some ids and sites excluded."""
    parameters = {
        "now": now,
        "limit": limit,
        "ids": list(exclude_ids),
        "sites": list(exclude_sites),
    }
    return [DuePreview(*row) for row in connection.execute(DUE, parameters)]


def has_due(connection: Connection, before: float) -> bool:
    """Return whether a preview waits that was due before that time."""
    return bool(DUE_BEFORE.fetch(connection, {"time": before}))


def measure_outbox(connection: Connection, now: float) -> tuple[int, float | None]:
    """Return how many links are due now, and since when the first of them is."""
    statement = select(func.count(), func.min(previews.c.due_at)).where(previews.c.due_at <= now)
    count, since = connection.execute(statement).one()
    return count, since


def set_content(
    connection: Connection, preview_id: int, content: Content, schedule: Schedule
) -> None:
    """Store the content of a link; if it changed, the readers of its messages must be notified."""
    name = _set_thumbnail(connection, preview_id, content)
    values = {
        "preview_id": preview_id,
        "new_title": content.title,
        "new_description": content.description,
        "new_site_name": content.site_name,
        "new_image": name,
        "new_image_width": content.width,
        "new_image_height": content.height,
    }
    SET_CONTENT.run_each(connection, [values])
    set_schedule(connection, preview_id, schedule)


def has_unnotified(connection: Connection) -> bool:
    """Return whether readers must still be notified of changed previews."""
    return bool(UNNOTIFIED.fetch(connection))


def take_unnotified(connection: Connection, limit: int) -> list[int]:
    """Return up to *limit* messages whose readers must be notified, and count them as notified.

    The newest messages of a link come first. An empty list means that none are left.
    """
    taken: list[int] = []
    while len(taken) < limit and (rows := UNNOTIFIED.fetch(connection)):
        left = limit - len(taken)
        preview_id, below = rows[0]
        values = {"preview_id": preview_id, "below": below, "limit": left}
        found = [message_id for (message_id,) in TO_NOTIFY.fetch(connection, values)]
        before = found[-1] if len(found) == left else None
        SET_NOTIFIED.run_each(connection, [{"preview_id": preview_id, "before": before}])
        taken += found
    return taken


def set_schedule(connection: Connection, preview_id: int, schedule: Schedule) -> None:
    """Store when to fetch a link again, without changing what is shown."""
    values = {f"new_{name}": getattr(schedule, name) for name in schedule.__slots__}
    SET_SCHEDULE.run_each(connection, [{"preview_id": preview_id, **values}])


def failures_of(connection: Connection, preview_id: int) -> int:
    """Return how often fetching a link has failed in a row."""
    statement = select(previews.c.failures).where(previews.c.id == preview_id)
    return connection.scalar(statement) or 0


def _set_thumbnail(connection: Connection, preview_id: int, content: Content) -> str:
    """Store a preview's thumbnail and return its name; the same picture keeps its name."""
    rows = THUMBNAIL.fetch(connection, {"preview_id": preview_id})
    for name, body in rows:
        if body == content.thumbnail:
            return str(name)
    if rows:
        connection.execute(delete(thumbnails).where(_OF_THUMBNAIL), {"preview_id": preview_id})
    if not content.thumbnail:
        return ""
    name = secrets.token_urlsafe(NAME_BYTES)
    values = {"name": name, "preview_id": preview_id, "body": content.thumbnail}
    connection.execute(insert(thumbnails).values(**values, media_type=content.media_type))
    return name


def find_thumbnail(connection: Connection, name: str) -> StoredThumbnail | None:
    """Return a thumbnail; None if there is none of this name."""
    columns = thumbnails.c.media_type, thumbnails.c.body, previews.c.private_room_id
    statement = select(*columns).join_from(thumbnails, previews)
    row = connection.execute(statement.where(thumbnails.c.name == name)).first()
    return StoredThumbnail(*row) if row else None


def request_ids_of(connection: Connection, preview_ids: Collection[int]) -> dict[int, str]:
    """Return, for each preview, the id of the request that posted its newest message."""
    newest = (
        select(message_previews.c.preview_id, func.max(message_previews.c.message_id).label("id"))
        .where(message_previews.c.preview_id.in_(preview_ids))
        .group_by(message_previews.c.preview_id)
        .subquery()
    )
    statement = select(newest.c.preview_id, messages.c.request_id)
    statement = statement.join_from(newest, messages, messages.c.id == newest.c.id)
    return dict(connection.execute(statement).all())


def delete_unused_previews(connection: Connection, now: float) -> int:
    """Delete the expired previews that no message uses any more; return how many."""
    is_used = exists().where(message_previews.c.preview_id == previews.c.id)
    is_old = and_(previews.c.due_at.is_(None), previews.c.expires_at <= now)
    return connection.execute(delete(previews).where(is_old, ~is_used)).rowcount


def refresh_previews(connection: Connection, now: float, first_message_id: int) -> int:
    """Schedule the expired previews of recent messages to be fetched again; return how many."""
    is_used = exists().where(
        message_previews.c.preview_id == previews.c.id,
        message_previews.c.message_id >= first_message_id,
    )
    is_old = and_(previews.c.due_at.is_(None), previews.c.expires_at <= now)
    return connection.execute(update(previews).where(is_old, is_used).values(due_at=now)).rowcount
