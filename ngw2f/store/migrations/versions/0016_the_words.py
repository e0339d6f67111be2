"""The words of messages, to search for; those of the messages so far are stored by a job.

Triggers note which messages' words are missing, whoever changes them: a worker of the release
before, an import, a person with SQL. They also delete the words of what is edited or deleted, in
the same transaction. The words themselves are made by `ngw2f/store/search.py`.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# FTS5 splits the text at its spaces: all other ASCII but letters and digits is gone by then.
SQLITE = (
    """CREATE VIRTUAL TABLE message_search USING fts5 (
        words, columnsize = 0, tokenize = "ascii tokenchars '#@'"
    )""",
    """CREATE TABLE message_search_queue (
        message_id INTEGER PRIMARY KEY NOT NULL REFERENCES messages (id) ON DELETE CASCADE
    )""",
    """CREATE TRIGGER message_search_insert AFTER INSERT ON messages WHEN new.rendered BEGIN
        INSERT OR IGNORE INTO message_search_queue VALUES (new.id);
    END""",
    """CREATE TRIGGER message_search_update AFTER UPDATE OF source, rendered ON messages BEGIN
        DELETE FROM message_search WHERE rowid = old.id;
        DELETE FROM message_search_queue WHERE message_id = old.id;
        INSERT INTO message_search_queue SELECT new.id WHERE new.rendered;
    END""",
    """CREATE TRIGGER message_search_delete AFTER DELETE ON messages BEGIN
        DELETE FROM message_search WHERE rowid = old.id;
        DELETE FROM message_search_queue WHERE message_id = old.id;
    END""",
    """CREATE TRIGGER message_search_room AFTER UPDATE OF private ON rooms
        WHEN old.private <> new.private BEGIN
        INSERT OR IGNORE INTO message_search_queue
            SELECT id FROM messages WHERE room_id = new.id AND rendered;
    END""",
)
POSTGRESQL = (
    """CREATE TABLE message_search (
        message_id INTEGER PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
        words TSVECTOR NOT NULL
    )""",
    # Each search reads what is not sorted in yet; of the usual 4 MB that takes 10 ms.
    """CREATE INDEX ix_message_search_words ON message_search USING gin (words)
        WITH (gin_pending_list_limit = 512)""",
    """CREATE TABLE message_search_queue (
        message_id INTEGER PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE
    )""",
    """CREATE OR REPLACE FUNCTION message_search_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM message_search WHERE message_id = NEW.id;
        DELETE FROM message_search_queue WHERE message_id = NEW.id;
        INSERT INTO message_search_queue SELECT NEW.id WHERE NEW.rendered;
        RETURN NULL;
    END $$""",
    """CREATE OR REPLACE FUNCTION message_search_move() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO message_search_queue
            SELECT id FROM messages WHERE room_id = NEW.id AND rendered ON CONFLICT DO NOTHING;
        RETURN NULL;
    END $$""",
    """CREATE TRIGGER message_search_insert AFTER INSERT ON messages FOR EACH ROW
        WHEN (NEW.rendered) EXECUTE FUNCTION message_search_change()""",
    """CREATE TRIGGER message_search_update AFTER UPDATE OF source, rendered ON messages
        FOR EACH ROW EXECUTE FUNCTION message_search_change()""",
    """CREATE TRIGGER message_search_room AFTER UPDATE OF private ON rooms FOR EACH ROW
        WHEN (OLD.private <> NEW.private) EXECUTE FUNCTION message_search_move()""",
)
# Only ids: a million of them take seconds.
QUEUE_ALL = "INSERT INTO message_search_queue SELECT id FROM messages WHERE rendered"


def upgrade() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in (*(SQLITE if is_sqlite else POSTGRESQL), QUEUE_ALL):
        op.execute(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name in ("insert", "update", "delete", "room"):
            op.execute(f"DROP TRIGGER message_search_{name}")
    else:
        op.execute("DROP FUNCTION message_search_change(), message_search_move() CASCADE")
    op.execute("DROP TABLE message_search_queue")
    op.execute("DROP TABLE message_search")
