"""Separate the previews of each private room from all others."""

import secrets

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CONTENT = (
    "url, site, title, description, site_name, image_width, image_height, expires_at, due_at, "
    "failures, untold_before"
)
IN_ROOM = "message_id IN (SELECT id FROM messages WHERE room_id = :room)"
# Each preview with each private room where a message has it.
PAIRS = sa.text(
    "SELECT DISTINCT preview_id, room_id FROM message_previews"
    " JOIN messages ON messages.id = message_id JOIN rooms ON rooms.id = room_id"
    " WHERE rooms.private ORDER BY preview_id, room_id"
)
COPY = sa.text(
    f"INSERT INTO previews ({CONTENT}, image, private_room_id)"  # noqa: S608 # names of columns
    f" SELECT {CONTENT}, CASE image WHEN '' THEN '' ELSE :name END, :room"
    " FROM previews WHERE id = :preview RETURNING id"
)
COPY_THUMBNAIL = sa.text(
    "INSERT INTO thumbnails (preview_id, name, media_type, body)"
    " SELECT :copy, :name, media_type, body FROM thumbnails WHERE preview_id = :preview"
)
MOVE = sa.text(
    f"UPDATE message_previews SET preview_id = :copy WHERE preview_id = :preview AND {IN_ROOM}"  # noqa: S608
)
# The thumbnail has another name, so the messages have another version.
TOUCH = sa.text(
    "UPDATE messages SET version = version + 1 WHERE id IN"
    " (SELECT message_id FROM message_previews WHERE preview_id = :copy)"
)


def upgrade() -> None:
    with op.batch_alter_table("previews", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("private_room_id", sa.Integer(), server_default="0", nullable=False)
        )
        batch_op.drop_constraint("uq_previews_url", type_="unique")
        batch_op.create_unique_constraint(
            "uq_previews_url_private_room_id", ["url", "private_room_id"]
        )
    connection = op.get_bind()
    pairs = connection.execute(PAIRS).all()
    for preview, room in pairs:
        values = {"preview": preview, "room": room, "name": secrets.token_urlsafe(16)}
        copy = connection.execute(COPY, values).scalar_one()
        connection.execute(COPY_THUMBNAIL, values | {"copy": copy})
        connection.execute(MOVE, values | {"copy": copy})
        connection.execute(TOUCH, {"copy": copy})
    for preview in {preview for preview, _ in pairs}:
        _delete_unused(connection, preview)


def _delete_unused(connection: sa.Connection, preview: int) -> None:
    """Delete a preview that no message shows any more; SQLite deletes here what refers to it."""
    of_preview = {"preview": preview}
    used = sa.text("SELECT 1 FROM message_previews WHERE preview_id = :preview LIMIT 1")
    if connection.execute(used, of_preview).first() is None:
        connection.execute(
            sa.text("DELETE FROM thumbnails WHERE preview_id = :preview"), of_preview
        )
        connection.execute(sa.text("DELETE FROM previews WHERE id = :preview"), of_preview)


def downgrade() -> None:
    op.execute(
        "DELETE FROM message_previews WHERE preview_id IN"
        " (SELECT id FROM previews WHERE private_room_id <> 0)"
    )
    op.execute(
        "DELETE FROM thumbnails WHERE preview_id IN"
        " (SELECT id FROM previews WHERE private_room_id <> 0)"
    )
    op.execute("DELETE FROM previews WHERE private_room_id <> 0")
    with op.batch_alter_table("previews", schema=None) as batch_op:
        batch_op.drop_constraint("uq_previews_url_private_room_id", type_="unique")
        batch_op.create_unique_constraint("uq_previews_url", ["url"])
        batch_op.drop_column("private_room_id")
