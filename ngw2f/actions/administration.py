"""What administrators do: who may register, who may use an account, who else administers.

The transaction of each change also writes it into the log.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Connection

from ngw2f.actions import rights
from ngw2f.actions.sessions import record_revocation
from ngw2f.actions.sign_in import find_named
from ngw2f.api_resources import MAX_ID, AuditEntry
from ngw2f.broker.limits import Limits
from ngw2f.core import Core
from ngw2f.errors import Conflict, Invalid, NotFound
from ngw2f.live.presence import Presence
from ngw2f.sentences import Sentence
from ngw2f.store import audit, devices, registration, tokens, users
from ngw2f.store.events import Run
from ngw2f.store.order import take_turn
from ngw2f.store.registration import InvitationRow, Mode
from ngw2f.store.users import UserRow

MAX_INVITATION_DAYS = 365
INVITATION_DAYS = 7
# That are good at the same time; each may be used by any number of people.
MAX_INVITATIONS = 100
# In the log, who has no account.
OPERATOR = "the operator"

TOO_MANY_INVITATIONS = Sentence(
    "there are %(most)d invitations already: take back one that nobody needs", most=MAX_INVITATIONS
)


class NewInvitation(NamedTuple):
    """An invitation, with the code that is shown only now."""

    id: int
    code: str
    expires_at: float


class Administration:
    def __init__(self, core: Core, limits: Limits) -> None:
        self._core = core
        self._limits = limits
        self._presence = Presence(core.broker)

    def find_mode(self) -> Mode:
        """Return who may register."""
        with self._core.database.reading() as connection:
            return registration.find_mode(connection)

    def is_invitation(self, code: str) -> bool:
        """Return whether somebody with this code may register."""
        with self._core.database.reading() as connection:
            is_open = registration.find_mode(connection) != "closed"
            return is_open and registration.is_valid(connection, code)

    def check(self, user: UserRow) -> None:
        """Raise Forbidden unless the user is an administrator."""
        with self._core.database.reading() as connection:
            rights.check_administrator(connection, user)

    def set_mode(self, user: UserRow, mode: Mode) -> None:
        """Say who may register from now on. Raises TooMany, Forbidden."""
        with self._changing(user) as connection:
            if registration.find_mode(connection) != mode:
                registration.set_mode(connection, mode)
                audit.add_entry(connection, user, "registration.changed", detail=mode)

    def invite(self, user: UserRow, days: float = INVITATION_DAYS) -> NewInvitation:
        """Return a new invitation. Raises TooMany, Forbidden, Invalid, Conflict."""
        if not 0 < days <= MAX_INVITATION_DAYS:
            raise Invalid(
                Sentence(
                    "an invitation is good for at most %(most)d days", most=MAX_INVITATION_DAYS
                )
            )
        with self._changing(user) as connection:
            # Two may invite at the same time.
            take_turn(connection)
            if registration.count_invitations(connection) >= MAX_INVITATIONS:
                raise Conflict(TOO_MANY_INVITATIONS)
            made = NewInvitation(*registration.create_invitation(connection, user.id, days))
            audit.add_entry(connection, user, "invitation.created", detail=f"{made.id}")
        return made

    def list_invitations(self, user: UserRow) -> list[InvitationRow]:
        """Return those that are still good, the newest first. Raises Forbidden."""
        with self._core.database.reading() as connection:
            rights.check_administrator(connection, user)
            return registration.list_invitations(connection)

    def revoke_invitation(self, user: UserRow, invitation_id: int) -> None:
        """Let nobody register by an invitation. Raises TooMany, Forbidden, NotFound."""
        with self._changing(user) as connection:
            is_known = invitation_id <= MAX_ID
            if not (is_known and registration.revoke_invitation(connection, invitation_id)):
                raise NotFound("there is no such invitation")
            audit.add_entry(connection, user, "invitation.revoked", detail=f"{invitation_id}")

    def suspend(self, user: UserRow, user_id: int) -> None:
        """End an account's sessions, tokens and streams, and let nobody sign in to it.

        What it wrote stays. Raises TooMany, Forbidden, NotFound, Conflict.
        """

        def do(connection: Connection, whom: UserRow) -> list[Run]:
            if whom.is_admin:
                raise Conflict("an administrator cannot be suspended: take the role away first")
            # First the rows of the tokens, then the turn, as by a new password.
            tokens.revoke_tokens_of(connection, whom.id)
            devices.forget_devices_of(connection, whom.id)
            users.set_suspended(connection, whom.id, is_suspended=True)
            return [record_revocation(self._core.events, connection, whom.id)]

        self._change(user, user_id, "user.suspended", do, lambda whom: not _is_suspended(whom))

    def lift_suspension(self, user: UserRow, user_id: int) -> None:
        """Let an account be used again. Raises TooMany, Forbidden, NotFound."""

        def do(connection: Connection, whom: UserRow) -> list[Run]:
            users.set_suspended(connection, whom.id, is_suspended=False)
            return []

        self._change(user, user_id, "user.restored", do, _is_suspended)

    def appoint(self, user: UserRow, user_id: int) -> None:
        """Make another account an administrator. Raises TooMany, Forbidden, NotFound, Conflict."""

        def do(connection: Connection, whom: UserRow) -> list[Run]:
            if _is_suspended(whom):
                raise Conflict("a suspended account cannot administer")
            users.set_admin(connection, whom.id, is_admin=True)
            return []

        self._change(user, user_id, "administrator.appointed", do, lambda whom: not whom.is_admin)

    def dismiss(self, user: UserRow, user_id: int) -> None:
        """End an account's administration, also one's own; but one administrator stays.

        Raises TooMany, Forbidden, NotFound, Conflict.
        """

        def do(connection: Connection, whom: UserRow) -> list[Run]:
            # Two may dismiss each other at the same time.
            take_turn(connection)
            if users.count_admins(connection) == 1:
                raise Conflict(rights.LAST_ADMINISTRATOR)
            users.set_admin(connection, whom.id, is_admin=False)
            return []

        self._change(user, user_id, "administrator.dismissed", do, lambda whom: whom.is_admin)

    def list_log(self, user: UserRow, *, before: int, limit: int) -> Sequence[AuditEntry]:
        """Return what was done, newest first. Raises Forbidden."""
        with self._core.database.reading() as connection:
            rights.check_administrator(connection, user)
            return audit.list_entries(connection, before=before, limit=limit)

    @contextmanager
    def _changing(self, user: UserRow) -> Iterator[Connection]:
        """Yield a connection for an administrator's change. Raises TooMany, Forbidden."""
        self._limits.take("administer", user.id)
        with self._core.database.writing() as connection:
            rights.check_administrator(connection, user)
            yield connection

    def _change(
        self,
        user: UserRow,
        user_id: int,
        action: str,
        do: Callable[[Connection, UserRow], list[Run]],
        is_new: Callable[[UserRow], bool],
    ) -> None:
        """Change an account, log it and tell everybody; nothing unless it *is_new* to it."""
        events = self._core.events
        runs: list[Run] = []
        # Others wait for the transaction, so it does not wait for Redis.
        is_online = self._presence.is_online(user_id)
        with self._changing(user) as connection:
            whom = users.lock_user(connection, user_id) if user_id <= MAX_ID else None
            if whom is None or whom.deleted_at is not None:
                raise NotFound("there is no such user")
            if is_new(whom):
                runs += do(connection, whom)
                audit.add_entry(connection, user, action, user_id=whom.id)
                changed = users.find_user(connection, whom.id) or whom
                resource = changed.as_resource(online=is_online)
                runs.append(events.record(connection, "user.updated", resource))
        events.publish(*runs)


def _is_suspended(user: UserRow) -> bool:
    return user.suspended_at is not None


def appoint_by_operator(core: Core, nickname: str) -> UserRow:
    """Make an account an administrator's, for whoever has the server itself; return the account.

    So a chat whose administrators cannot sign in gets another one. Raises NotFound, Conflict.
    """
    operator = UserRow(0, OPERATOR, 0, 0, 0)
    with core.database.writing() as connection:
        found = find_named(connection, nickname)
        whom = users.lock_user(connection, found.user_id) if found else None
        if whom is None:
            raise NotFound(Sentence("there is no user %(name)r", name=nickname))
        if _is_suspended(whom):
            raise Conflict("a suspended account cannot administer")
        users.set_admin(connection, whom.id, is_admin=True)
        audit.add_entry(connection, operator, "administrator.appointed", user_id=whom.id)
        changed = users.find_user(connection, whom.id) or whom
        resource = changed.as_resource(online=Presence(core.broker).is_online(whom.id))
        run = core.events.record(connection, "user.updated", resource)
    core.events.publish(run)
    return changed
