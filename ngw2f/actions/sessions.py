"""Tokens and sessions: make them, find whose they are, and revoke them.

A session is the token in a browser's cookie. The API tokens of an account are limited, and so are
its sessions; one more revokes the oldest.
"""

import time
from typing import NamedTuple

from sqlalchemy import Connection

from ngw2f.actions import rights
from ngw2f.actions.known import Known
from ngw2f.api_resources import MAX_ID, TokenInfo
from ngw2f.broker.limits import Limits
from ngw2f.core import Core
from ngw2f.errors import Forbidden, Invalid, NotFound, Unauthenticated
from ngw2f.live.attendance import Attendance
from ngw2f.live.cache_groups import reader_group
from ngw2f.live.log import EventLog
from ngw2f.live.payloads import RevokedTokens
from ngw2f.sentences import Sentence
from ngw2f.store import devices, tokens, users
from ngw2f.store.database import Database
from ngw2f.store.events import Run
from ngw2f.store.tokens import SECONDS_A_DAY
from ngw2f.store.users import Credentials, UserRow
from ngw2f.together import LeaderKilledError, Together, Waiting

# How often the database is told when a user was last seen.
SEEN_SECONDS = 60
# And when a token was last used.
USED_SECONDS = 300
MAX_NOTED = 10_000
MAX_TOKEN_NAME_CHARACTERS = 64
MAX_USER_AGENT_CHARACTERS = 256


class Session(NamedTuple):
    """A new session; it ends with the browser if it has no `max_age_seconds`."""

    token: str
    max_age_seconds: int | None


class _Bearers(Together[bytes, UserRow | None]):
    """Find at once whose the tokens of simultaneous requests are, by digest."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database

    def _act(self, group: list[Waiting[bytes, UserRow | None]]) -> None:
        with self._database.asking() as connection:
            # Not before: others have come while this one waited for a connection.
            group += self._take()
            found = tokens.find_users_of_digests(connection, {each.item for each in group})
        for each in group:
            each.result = found.get(each.item)


class Sessions:
    def __init__(self, core: Core, limits: Limits, attendance: Attendance) -> None:
        self.limits = limits
        self._core = core
        self._attendance = attendance
        self._bearers = _Bearers(core.database)
        # A change of the account, and of its tokens, drops the reader's group.
        self._users = Known[UserRow](core.clock)
        # When this process has written that a token was used, by its digest: whoever holds a
        # connection open is known as it was then.
        self._noted: dict[bytes, float] = {}

    def find_user(self, token: str | None) -> UserRow | None:
        """Return whose token this is; None if it is unknown, revoked or expired."""
        return self.find_user_of(tokens.digest_of(token)) if token else None

    def find_user_of(self, digest: bytes) -> UserRow | None:
        """Return whose the token with this digest is, as `find_user` does."""
        user = self._users.find(
            digest,
            lambda: self._ask_user(digest),
            lambda found: [reader_group(found.id)] if self._core.database.is_sqlite else [],
        )
        # Nothing drops a group when a token expires.
        return user if user and time.time() < user.token_expires_at else None

    def _ask_user(self, digest: bytes) -> UserRow | None:
        try:
            return self._bearers.ask(digest)
        except LeaderKilledError:
            # Whoever asked for all has changed nothing.
            return self._bearers.ask(digest)

    def find_reader(self, token: str | None, *, must_be_valid: bool) -> UserRow | None:
        """Return who reads, and note that the user is here; None for an anonymous reader.

        Raises Unauthenticated for a token that *must_be_valid* and is not, and where reading
        needs an account.
        """
        user = self.find_user(token)
        if user:
            self.be_present(user)
        elif must_be_valid:
            raise Unauthenticated("the token is unknown, revoked or expired")
        elif not self._core.settings.anonymous_read:
            raise Unauthenticated("sign in to read")
        return user

    def create_token(
        self, credentials: Credentials, *, name: str = "", user_agent: str = ""
    ) -> str:
        """Return a new API token.

        Raises Invalid for its name, TooMany; Unauthenticated if the password was changed;
        Forbidden if the account is suspended.
        """
        about = {"name": _valid_name(name), "user_agent": _in_one_line(user_agent)}
        days = self._core.settings.token_days
        return self._create(credentials, days, about, is_session=False)

    def begin(self, credentials: Credentials, *, remember: bool, user_agent: str = "") -> Session:
        """Return a new session, for as long as the browser runs or for `remember_days`.

        Raises TooMany; Unauthenticated if the password was changed since it was checked;
        Forbidden if the account is suspended.
        """
        settings = self._core.settings
        days = settings.remember_days if remember else settings.session_days
        about = {"user_agent": _in_one_line(user_agent)}
        token = self._create(credentials, days, about, is_session=True)
        return Session(token, int(days * SECONDS_A_DAY) if remember else None)

    def end(self, token: str) -> None:
        """Revoke a token, and end the streams that were opened with it. Raises TooMany."""
        user = self.find_user(token)
        # Without a valid token there is nothing to write.
        if user is None:
            return
        self.limits.take("revoke", user.id)
        with self._core.database.writing() as connection:
            tokens.revoke_token(connection, token)
            run = record_revocation(self._core.events, connection, user.id)
        self._core.events.publish(run)

    def list_all(self, user: UserRow) -> list[TokenInfo]:
        """Return the user's tokens and sessions, the last used first."""
        with self._core.database.reading() as connection:
            return tokens.list_tokens(connection, user.id, current=user.token_digest)

    def revoke(self, user: UserRow, token_id: int) -> None:
        """Revoke one of the user's tokens or sessions, and end its streams.

        Raises TooMany, NotFound.
        """
        self.limits.take("revoke", user.id)
        with self._core.database.writing() as connection:
            is_own = token_id <= MAX_ID and tokens.revoke_token_of(connection, user.id, token_id)
            if not is_own:
                raise NotFound("the account has no such token")
            run = record_revocation(self._core.events, connection, user.id)
        self._core.events.publish(run)

    def end_others(self, user: UserRow) -> None:
        """End the user's sessions except the one that asks, and their streams. Raises TooMany."""
        self.limits.take("revoke", user.id)
        runs = []
        with self._core.database.writing() as connection:
            if tokens.revoke_sessions_of(connection, user.id, keep=user.token_digest):
                runs.append(record_revocation(self._core.events, connection, user.id))
        self._core.events.publish(*runs)

    def remember_browser(self, user_id: int, device: str | None) -> str | None:
        """Return a device's token for the browser to keep; None if *device* is one already."""
        with self._core.database.reading() as connection:
            if device and devices.is_device_of(connection, device, user_id):
                return None
        with self._core.database.writing() as connection:
            return devices.create_device(connection, user_id)

    def be_present(self, user: UserRow) -> None:
        """Note that the user is here: in Redis at once, in the database once a minute.

        And when the token was last used, once in some minutes.
        """
        now = time.time()
        is_seen = self._attendance.note(user.id) and user.last_seen_at < now - SEEN_SECONDS
        digest = user.token_digest
        used_at = max(user.token_used_at or 0, self._noted.get(digest, 0))
        is_used = bool(digest) and used_at < now - USED_SECONDS
        if not (is_seen or is_used):
            return
        if is_used:
            if len(self._noted) >= MAX_NOTED:
                self._noted.clear()
            # Before the write, for which others may have to wait.
            self._noted[digest] = now
        with self._core.database.writing() as connection:
            # The user's row is locked before the token's, as by a new password.
            if is_seen:
                users.set_last_seen(connection, user.id, now)
            if is_used:
                tokens.note_use(connection, digest, now)

    def _create(
        self, credentials: Credentials, days: float, about: dict[str, str], *, is_session: bool
    ) -> str:
        user_id, keep = credentials.user_id, self._core.settings.tokens_per_account
        self.limits.take("token", user_id)
        runs = []
        with self._core.database.writing() as connection:
            # Without the lock, a token could outlive the change of password that revokes all
            # others, and two sign-ins could count the tokens at the same time.
            if not users.lock_current(connection, credentials):
                raise Unauthenticated("the password has just been changed")
            account = users.find_user(connection, user_id)
            if account and account.suspended_at is not None:
                raise Forbidden(rights.SUSPENDED)
            token = tokens.create_token(connection, user_id, days, is_session=is_session, **about)
            if tokens.revoke_oldest_tokens(connection, user_id, keep, are_sessions=is_session):
                runs.append(record_revocation(self._core.events, connection, user_id))
        self._core.events.publish(*runs)
        return token


def record_revocation(events: EventLog, connection: Connection, user_id: int) -> Run:
    """Record the event upon which every process checks the tokens of the user's streams."""
    return events.record(connection, "tokens.revoked", RevokedTokens(user_id))


def _valid_name(typed: str) -> str:
    """Return what a token is called, "" if it has no name. Raises Invalid."""
    if len(typed) > MAX_TOKEN_NAME_CHARACTERS:
        raise Invalid(
            Sentence(
                "a token's name may have at most %(most)d characters",
                most=MAX_TOKEN_NAME_CHARACTERS,
            )
        )
    return _in_one_line(" ".join(typed.split()))


def _in_one_line(user_agent: str) -> str:
    """Return what a client calls itself, which may be anything, in the form that is stored."""
    kept = "".join(each for each in user_agent if each.isprintable())
    return kept[:MAX_USER_AGENT_CHARACTERS]
