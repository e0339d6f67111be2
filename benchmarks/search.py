"""Search in 100,000 messages of a hundred rooms, half of them private, by people who may read some.

Words are as frequent as in a language (Zipf's law). Each kind of search is asked for by HTTP, one
at a time, of a chat under its own gunicorn, with other words every time: how long half of them take
at most, and 99 of 100. Of that, what `/healthz` takes is the client's and the server's own. First
it says what storing the words of all takes, as the upkeep does it.

Run: python -m benchmarks.search [--messages N] [--searches N] [--postgresql]
PostgreSQL is started here.
"""

import argparse
import contextlib
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from urllib.parse import quote

from sqlalchemy import Connection, insert, text

from benchmarks.load import Server, request_bytes, running
from benchmarks.post import load
from ngw2f.settings import Settings
from ngw2f.store import rooms, search, tokens, users
from ngw2f.store.database import Database
from ngw2f.store.migrate import migrate
from ngw2f.store.schema import messages
from tests.postgresql import running_postgresql

ROOMS = 100
PEOPLE = 50
VOCABULARY = 30_000
WORDS = 12
BATCH = 200

KINDS = {
    "a word of every second message": "w0",
    "a word": "w{word}",
    "two words": "w{word} w{other}",
    "two words in a row": '"w{other} w{common}"',
    "a word, without another": "w{common} -w{other}",
    "a word of somebody's": "w{common} from:reader{person}",
    "a word that nobody wrote": "x{word}",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=300)
    parser.add_argument("--postgresql", action="store_true")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(running_postgresql()).url if options.postgresql else ""
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="ngw2f-"))
        settings = Settings(data_dir=directory, database_url=url)
        migrate(settings)
        database = Database(settings.sqlalchemy_url)
        readers = fill(database, options.messages)
        index(database, options.messages)
        database.close()
        environment = {
            "NGW2F_DATA_DIR": directory,
            "NGW2F_DATABASE_URL": url,
            "NGW2F_RATE_LIMIT": "false",
        }
        server = stack.enter_context(running("gunicorn.conf.py", "app:application", environment))
        measure(server, readers, options.searches)


def fill(database: Database, count: int) -> list[str]:
    """Store messages in rooms with some members each; return tokens of people."""
    rnd = random.Random(17)  # not a secret
    with database.writing() as connection:
        people = [
            users.create_user(connection, f"reader{n}", f"reader{n}", "none").id
            for n in range(PEOPLE)
        ]
        made = [_room(connection, number, rnd.choice(people)) for number in range(ROOMS)]
        for room_id in made:
            for user_id in rnd.sample(people, 5):
                rooms.add_member(connection, room_id, user_id)
        names = [f"w{n}" for n in range(VOCABULARY)]
        weights = [1 / (n + 2) for n in range(VOCABULARY)]
        for _ in range(count // BATCH):
            texts = (" ".join(rnd.choices(names, weights, k=WORDS)) for _ in range(BATCH))
            connection.execute(
                insert(messages),
                [_message(rnd.choice(made), rnd.choice(people), each) for each in texts],
            )
        return [tokens.create_token(connection, user_id, 1) for user_id in people]


def _room(connection: Connection, number: int, creator_id: int) -> int:
    name = f"room{number}"
    return rooms.create_room(connection, name, name, creator_id, private=number % 2 == 0).id


def _message(room_id: int, user_id: int, source: str) -> dict[str, object]:
    now = time.time()
    made = {"room_id": room_id, "user_id": user_id, "source": source, "html": f"<p>{source}</p>"}
    return {**made, "rendered": True, "version": 1, "created_at": now, "updated_at": now}


def index(database: Database, count: int) -> None:
    longest, start = 0.0, time.monotonic()
    is_left = True
    while is_left:
        began_at = time.monotonic()
        with database.writing() as connection:
            is_left = search.index_messages(connection, BATCH) > 0
        longest = max(longest, time.monotonic() - began_at)
    seconds = time.monotonic() - start
    print(
        f"words stored in {seconds:.1f} s, {1e6 * seconds / count:.0f} µs a message; "
        f"the longest transaction {1e3 * longest:.0f} ms"
    )
    if not database.is_sqlite:
        # As autovacuum does after some minutes.
        with database.asking() as connection:
            connection.execute(text("ANALYZE"))


def measure(server: Server, readers: list[str], count: int) -> None:
    print_waits("(/healthz)", server, itertools.repeat(request_bytes("/healthz"), count))
    for name, pattern in KINDS.items():
        # Before it is measured, the processes load what they need.
        for _ in load(server, _searches(pattern, readers, 10, 1), 1).waits:
            pass
        print_waits(name, server, _searches(pattern, readers, count, 2))


def _searches(pattern: str, readers: list[str], count: int, seed: int) -> Iterator[bytes]:
    rnd = random.Random(seed)  # not a secret
    for _ in range(count):
        query = pattern.format(
            word=rnd.randrange(VOCABULARY),
            other=rnd.randrange(200),
            common=rnd.randrange(20),
            person=rnd.randrange(PEOPLE),
        )
        token = {"Authorization": f"Bearer {rnd.choice(readers)}"}
        yield request_bytes(f"/api/search?q={quote(query)}", token)


def print_waits(name: str, server: Server, requests: Iterator[bytes]) -> None:
    waits = [1e3 * wait for wait in load(server, requests, 1).waits]
    slow = statistics.quantiles(waits, n=100)[-1]
    print(f"{name:32} p50 {statistics.median(waits):5.1f} ms, p99 {slow:5.1f} ms")


if __name__ == "__main__":
    main()
