"""Accounts: register one, change one's nickname, password, theme or language, delete it."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from sqlalchemy import Connection

from ngw2f.actions import rights
from ngw2f.actions.sessions import record_revocation
from ngw2f.actions.sign_in import Client, SignIn, find_named, signed_in, stranger
from ngw2f.api_resources import User
from ngw2f.broker.limits import Limits
from ngw2f.core import Core
from ngw2f.errors import Forbidden, Invalid, Unauthenticated
from ngw2f.sentences import sentence_of, translatable
from ngw2f.store import devices, registration, tokens, users
from ngw2f.store.departures import DELETED_NICKNAME, delete_account
from ngw2f.store.events import Run
from ngw2f.store.users import Credentials, LooksTakenError, NicknameTakenError, UserRow
from ngw2f.text.languages import Language
from ngw2f.text.lookalikes import shapes_of
from ngw2f.text.names import InvalidNameError, check_nickname, name_key
from ngw2f.text.password import InvalidPasswordError, prepare_password

TAKEN = translatable("the nickname is taken")
Theme = Literal["system", "light", "dark"]
ChosenLanguage = Literal["system", Language]
LOOKS_TAKEN = translatable("the nickname is taken, by one that looks the same")


class Registered(NamedTuple):
    user: User
    credentials: Credentials


@dataclass(frozen=True, slots=True)
class Changes:
    """What a user wants to change; None leaves it as it is."""

    nickname: str | None = None
    password: str | None = None
    # Needed for a new password: whoever finds a session open does not get the account.
    current_password: str | None = None
    # How pages look to the user; "system": as the browser prefers.
    theme: Theme | None = None
    # In which language pages are; "system": as the browser asks for it.
    language: ChosenLanguage | None = None


class Accounts:
    def __init__(self, core: Core, limits: Limits, sign_in: SignIn) -> None:
        self.limits = limits
        self._core = core
        self._sign_in = sign_in

    def register(
        self, client: Client, nickname: str, password: str, invitation: str = ""
    ) -> Registered:
        """Store a new user, by the code of an *invitation* where one is needed.

        Raises Invalid, Forbidden, TooMany, Unavailable.
        """
        self.limits.take("register", client.address)
        nickname = _valid_nickname(nickname)
        key, shapes = name_key(nickname), shapes_of(nickname)
        with self._core.database.reading() as connection:
            rights.check_may_register(connection, invitation)
            if find_named(connection, nickname):
                raise Invalid(TAKEN)
            if users.is_shape_taken(connection, shapes):
                raise Invalid(LOOKS_TAKEN)
        password_hash = self._sign_in.hash_password(key, stranger(client), password)
        try:
            with self._core.database.writing() as connection:
                rights.check_may_register(connection, invitation)
                if invitation:
                    registration.use_invitation(connection, invitation)
                row = users.create_user(connection, nickname, key, password_hash, shapes)
                user = row.as_resource(online=False)
                run = self._core.events.record(connection, "user.updated", user)
        except NicknameTakenError as error:
            raise _taken(error) from error
        self._core.events.publish(run)
        return Registered(user, Credentials(user.id, password_hash))

    def check_may_register(self, invitation: str) -> None:
        """Raise Forbidden unless anybody may register now, or whoever has this code may."""
        with self._core.database.reading() as connection:
            rights.check_may_register(connection, invitation)

    def sign_in_or_register(
        self, client: Client, nickname: str, password: str, invitation: str = ""
    ) -> Credentials | None:
        """Check the password of a known nickname, or register a new one; None if it is wrong.

        Raises Invalid, Forbidden, TooMany, Unavailable.
        """
        if self._sign_in.is_registered(nickname):
            return self._sign_in.check_password(client, nickname, password)
        return self.register(client, nickname, password, invitation).credentials

    def change(self, user: UserRow, user_id: int, client: Client, changes: Changes) -> None:
        """Make all of the changes, or none. Raises Forbidden, Invalid, TooMany, Unavailable.

        A new password revokes all tokens but the one that the client sent, ends their streams, and
        forgets the browsers that were known.
        """
        if user.id != user_id:
            raise Forbidden("only the account itself may do this")
        self.limits.take("account", user.id)
        values: dict[str, str] = {}
        shapes: frozenset[str] = frozenset()
        # A nickname that an older release accepted may be kept.
        if changes.nickname is not None and changes.nickname != user.nickname:
            values["nickname"] = _valid_nickname(changes.nickname)
            values["nickname_key"] = name_key(values["nickname"])
            shapes = shapes_of(values["nickname"])
        known = None
        if changes.password is not None:
            known = self._confirm(user, client, changes.password, changes.current_password)
            asker = name_key(user.nickname), signed_in(client)
            values["password_hash"] = self._sign_in.hash_password(*asker, changes.password)
        if changes.theme is not None:
            values["theme"] = "" if changes.theme == "system" else changes.theme
        if changes.language is not None:
            values["language"] = "" if changes.language == "system" else changes.language
        runs: list[Run] = []
        try:
            with self._core.database.writing() as connection:
                # First the rows of the tokens, then the turn of the change: signing out locks
                # them in the same order.
                if known:
                    _sign_out_elsewhere(connection, known, keep=client.token or "")
                    runs.append(record_revocation(self._core.events, connection, user.id))
                if not users.change_user(connection, user.id, shapes, **values):
                    raise Unauthenticated("the account has just been deleted")
                changed = users.find_user(connection, user.id)
                if changed:
                    resource = changed.as_resource(online=True)
                    runs.append(self._core.events.record(connection, "user.updated", resource))
        except NicknameTakenError as error:
            raise _taken(error) from error
        self._core.events.publish(*runs)

    def delete(self, known: Credentials) -> None:
        """Delete the account whose password was just checked; what it wrote stays.

        Its tokens are revoked, and their streams end. The last administrator stays, while there
        are others. Raises Forbidden, TooMany.
        """
        self.limits.take("account", known.user_id)
        events = self._core.events
        with self._core.database.writing() as connection:
            if not users.lock_current(connection, known):
                raise Forbidden("the password has just been changed")
            rights.check_may_go(connection, known.user_id)
            left = delete_account(connection, known.user_id)
            runs = [
                record_revocation(events, connection, known.user_id),
                events.record(connection, "user.updated", left.as_resource(online=False)),
            ]
        events.publish(*runs)

    def _confirm(self, user: UserRow, client: Client, new: str, current: str | None) -> Credentials:
        """Check both passwords of a change; return the user's stored credentials.

        Raises Invalid, Forbidden, TooMany, Unavailable.
        """
        try:
            prepare_password(new)
        except InvalidPasswordError as error:
            raise Invalid(sentence_of(error)) from error
        if current is None:
            raise Forbidden("to change the password, send the present one as current_password")
        known = self._sign_in.confirm_password(client, user, current)
        if known is None:
            raise Forbidden("the current password is wrong")
        return known


def _valid_nickname(nickname: str) -> str:
    try:
        valid = check_nickname(nickname)
    except InvalidNameError as error:
        raise Invalid(sentence_of(error)) from error
    if shapes_of(valid) & shapes_of(DELETED_NICKNAME):
        raise Invalid(TAKEN)
    return valid


def _taken(error: NicknameTakenError) -> Invalid:
    return Invalid(LOOKS_TAKEN if isinstance(error, LooksTakenError) else TAKEN)


def _sign_out_elsewhere(connection: Connection, known: Credentials, keep: str) -> None:
    # Of two changes with the same old password, the second would undo the first.
    if not users.lock_current(connection, known):
        raise Forbidden("the current password is wrong: it has just been changed")
    tokens.revoke_tokens_of(connection, known.user_id, keep=keep)
    devices.forget_devices_of(connection, known.user_id)
