"""All that the chat has of an account, for its user: as JSON, a piece at a time."""

import time
from collections.abc import Iterator

import gevent
import msgspec

from ngw2f.broker.limits import Limits
from ngw2f.core import Core
from ngw2f.store import own_data, tokens
from ngw2f.store.users import UserRow


class Exports:
    def __init__(self, core: Core, limits: Limits) -> None:
        self._core = core
        self._limits = limits

    def of(self, user: UserRow) -> Iterator[bytes]:
        """Return the pieces of a JSON object. Raises TooMany, before the first.

        Each list is read in parts, so it is not all of one moment, nobody waits for a client that
        reads slowly, and memory holds one part, whatever the user wrote. At least half of the time
        is left to others.
        """
        self._limits.take("export", user.id)
        return self._pieces(user)

    def _pieces(self, user: UserRow) -> Iterator[bytes]:
        encode = msgspec.json.Encoder().encode
        with self._core.database.reading() as connection:
            known = tokens.list_tokens(connection, user.id, current=user.token_digest)
        account = own_data.Account(
            user.id,
            user.nickname,
            user.created_at,
            user.last_seen_at,
            user.theme or "system",
            user.language or "system",
        )
        yield b'{"account":' + encode(account) + b',\n"tokens":' + encode(known)
        for name, list_part in own_data.LISTS.items():
            yield f',\n"{name}":['.encode()
            begin, after = b"\n", list_part.first
            while True:
                began_at = time.monotonic()
                with self._core.database.reading() as connection:
                    part = list_part.read(connection, user, after)
                if not part:
                    break
                piece = begin + b",\n".join(map(encode, part))
                gevent.sleep(time.monotonic() - began_at)
                yield piece
                begin, after = b",\n", list_part.place_of(part[-1])
            yield b"]"
        yield b"}\n"
