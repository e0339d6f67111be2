"""A page of the history in a room of 1,000,000 messages, beside one in a room of 1,000.

Requests go to both rooms in turn, one at a time, for random places of the history, to a chat under
its own gunicorn: how long half of them take at most, the processor time of the worker for one, and
the ratio of each. The HTTP cache is off; the chat's own caches hold what they may, as always: all
of the small room.

Run: python -m benchmarks.history [--messages N] [--requests N] [--postgresql]
PostgreSQL is started here.
"""

import argparse
import contextlib
import random
import statistics
import tempfile
from collections.abc import Callable, Iterator

from sqlalchemy import insert, text

from benchmarks.load import Server, request_bytes, running
from benchmarks.post import load
from ngw2f.settings import Settings
from ngw2f.store import rooms, tokens, users
from ngw2f.store.database import Database
from ngw2f.store.migrate import migrate
from ngw2f.store.schema import messages
from tests.postgresql import running_postgresql

SMALL = 1_000
PAGE = 50
AUTHORS = 5
BATCH = 10_000
ROUNDS = 20

# The path of a page by the room's id and name, and the id of a message.
KINDS: dict[str, Callable[[int, str, int], str]] = {
    "API, before": lambda room_id, _, at: f"/api/rooms/{room_id}/messages?before={at}",
    "API, after": lambda room_id, _, at: f"/api/rooms/{room_id}/messages?after={at - PAGE}",
    "API, newest": lambda room_id, *_: f"/api/rooms/{room_id}/messages",
    "page, before": lambda _, name, at: f"/rooms/{name}?before={at}",
    "page, newest": lambda _, name, __: f"/rooms/{name}",
}


class Room:
    """A room, and the ids of its first and last message."""

    def __init__(self, room_id: int, name: str, first: int, last: int) -> None:
        self._id, self._name, self._ids = room_id, name, range(first + PAGE, last + 1)

    def requests(self, kind: str, token: str, count: int, rnd: random.Random) -> Iterator[bytes]:
        accept = "text/html" if kind.startswith("page") else "application/json"
        for _ in range(count):
            path = KINDS[kind](self._id, self._name, rnd.choice(self._ids))
            yield request_bytes(path, {"Authorization": f"Bearer {token}", "Accept": accept})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=600)
    parser.add_argument("--postgresql", action="store_true")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(running_postgresql()).url if options.postgresql else ""
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="ngw2f-"))
        settings = Settings(data_dir=directory, database_url=url)
        migrate(settings)
        database = Database(settings.sqlalchemy_url)
        token, user_ids = _people(database)
        both = [fill(database, user_ids, count) for count in (SMALL, options.messages)]
        if url:
            # As autovacuum does after some minutes.
            with database.asking() as connection:
                connection.execute(text("ANALYZE"))
        database.close()
        environment = {
            "NGW2F_DATA_DIR": directory,
            "NGW2F_DATABASE_URL": url,
            "NGW2F_RATE_LIMIT": "false",
            "NGW2F_CACHE_BYTES": "0",
        }
        server = stack.enter_context(running("gunicorn.conf.py", "app:application", environment))
        for kind in KINDS:
            compare(server, both, kind, token, options.requests)


def _people(database: Database) -> tuple[str, list[int]]:
    with database.writing() as connection:
        names = [f"author{number}" for number in range(AUTHORS)]
        ids = [users.create_user(connection, name, name, "none").id for name in names]
        return tokens.create_token(connection, ids[0], 1), ids


def fill(database: Database, user_ids: list[int], count: int) -> Room:
    """Store a room with *count* messages."""
    name = f"room{count}"
    with database.writing() as connection:
        room_id = rooms.create_room(connection, name, name, user_ids[0], private=False).id
    for start in range(0, count, BATCH):
        rows = [
            _message(room_id, user_ids[number % AUTHORS], number)
            for number in range(start, min(start + BATCH, count))
        ]
        with database.writing() as connection:
            connection.execute(insert(messages), rows)
    with database.reading() as connection:
        extent = text("SELECT min(id), max(id) FROM messages WHERE room_id = :room_id")
        first, last = connection.execute(extent, {"room_id": room_id}).one()
    return Room(room_id, name, first, last)


def _message(room_id: int, user_id: int, number: int) -> dict[str, object]:
    source = f"message {number} of some length, as people write"
    made = {"room_id": room_id, "user_id": user_id, "source": source, "html": f"<p>{source}</p>"}
    at = 1.7e9 + number
    return {**made, "rendered": True, "version": 1, "created_at": at, "updated_at": at}


def compare(server: Server, both: list[Room], kind: str, token: str, count: int) -> None:
    waits: list[list[float]] = [[], []]
    costs = [0.0, 0.0]
    rnd = random.Random(17)  # not a secret
    for number in range(-1, ROUNDS):
        for place, room in enumerate(both):
            before = server.cpu_seconds()
            asked = room.requests(kind, token, count // ROUNDS, rnd)
            measured = load(server, asked, 1)
            if number >= 0:  # Before, the process loads what it needs.
                waits[place] += measured.waits
                costs[place] += server.cpu_seconds() - before
    small, big = (1e3 * statistics.median(each) for each in waits)
    few, many = (1e3 * cost / len(each) for cost, each in zip(costs, waits, strict=True))
    print(
        f"{kind:12} p50 {small:5.2f} and {big:5.2f} ms, ratio {big / small:.2f}; "
        f"CPU {few:5.2f} and {many:5.2f} ms, ratio {many / few:.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
