"""Check by a password who somebody is. Wrong passwords are counted, and hashes wait for their turn.

What follows (a token, a session) is in `sessions.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from ngw2f.broker.limits import Limits
from ngw2f.broker.tries import Guesser, WrongTries
from ngw2f.core import Core
from ngw2f.errors import Invalid
from ngw2f.hash_queue import Asker
from ngw2f.passwords import Passwords
from ngw2f.sentences import sentence_of
from ngw2f.store import devices, users
from ngw2f.store.users import Credentials, UserRow
from ngw2f.text.names import composed, name_key, old_name_key
from ngw2f.text.password import InvalidPasswordError


@dataclass(frozen=True, slots=True)
class Client:
    """What a request says of the browser or program that sent it."""

    address: str
    # The token that it sent, and that a new password does not revoke.
    token: str | None = None
    # By user id, what is to prove that the user has signed in with this browser before.
    devices: Mapping[int, str] = field(default_factory=dict)
    # Somebody has signed in with it before, so this attempt is not yet counted for its address.
    is_known_browser: bool = False


class SignIn:
    """Check passwords, and hash new ones."""

    def __init__(
        self, core: Core, limits: Limits, passwords: Passwords, wrong_tries: WrongTries | None
    ) -> None:
        self.limits = limits
        self.passwords = passwords
        # None: the limits are off.
        self.wrong_tries = wrong_tries
        self._core = core

    def is_registered(self, nickname: str) -> bool:
        with self._core.database.reading() as connection:
            return find_named(connection, nickname) is not None

    def check_password(self, client: Client, nickname: str, password: str) -> Credentials | None:
        """Return the user's stored credentials, or None if nickname or password is wrong.

        Raises TooMany after too many wrong passwords, or too many attempts from this address, or
        while too many wait in the queue for this account; Unavailable if the queue is full.
        """
        with self._core.database.reading() as connection:
            found = find_named(connection, nickname)
            guesser = _guesser(connection, client, found)
        if client.is_known_browser and not guesser.is_known:
            # It is known, but as the browser of another user.
            self.limits.take("sign-in", client.address)
        return self._check(name_key(nickname), found, password, guesser)

    def confirm_password(self, client: Client, user: UserRow, password: str) -> Credentials | None:
        """Return the credentials of a signed-in user who types the password again, or None.

        These attempts are counted apart from those of strangers, who could otherwise lock the
        user out. Raises TooMany, Unavailable.
        """
        with self._core.database.reading() as connection:
            found = users.find_credentials_of(connection, user.id)
        return self._check(name_key(user.nickname), found, password, signed_in(client))

    def hash_password(self, key: str, guesser: Guesser, password: str) -> str:
        """Return the hash to store of a new password. Raises Invalid, TooMany, Unavailable."""
        try:
            return self.passwords.hash(password, _asker(key, guesser))
        except InvalidPasswordError as error:
            raise Invalid(sentence_of(error)) from error

    def _check(
        self, key: str, found: Credentials | None, password: str, guesser: Guesser
    ) -> Credentials | None:
        tries = self.wrong_tries
        if tries:
            tries.check(key, guesser)
        stored = found.password_hash if found else None
        checked = self.passwords.check(stored, password, _asker(key, guesser))
        if not found or not checked.is_correct:
            if tries:
                tries.count(key, guesser)
            return None
        return self._replace(found, checked.new_hash) if checked.new_hash else found

    def _replace(self, found: Credentials, new_hash: str) -> Credentials | None:
        """Replace a hash made by an older release; return None if the password was changed."""
        with self._core.database.writing() as connection:
            is_set = users.replace_password_hash(connection, found, new_hash)
        return Credentials(found.user_id, new_hash) if is_set else None


def find_named(connection: Connection, nickname: str) -> Credentials | None:
    """Return the credentials of the user with this nickname, in whatever form it was typed."""
    return users.find_credentials(
        connection, name_key(nickname), old_name_key(nickname), composed(nickname)
    )


def stranger(client: Client) -> Guesser:
    """Return as whom a client's attempts count if it is not known."""
    return Guesser(client.address)


def signed_in(client: Client) -> Guesser:
    """Return as whom the attempts of a signed-in user count."""
    return Guesser(f"signed-in {client.address}", is_known=True)


def _guesser(connection: Connection, client: Client, found: Credentials | None) -> Guesser:
    """Return as whom the client's attempts count: as a browser that the user has used, if it is."""
    device = client.devices.get(found.user_id) if found else None
    if found and device and devices.is_device_of(connection, device, found.user_id):
        return Guesser(f"device {devices.digest_of(device).hex()}", is_known=True)
    return stranger(client)


def _asker(key: str, guesser: Guesser) -> Asker:
    # Strangers who fill the account's share of the queue do not fill its owner's.
    return Asker(f"{key} {guesser.key}" if guesser.is_known else key, guesser.key)
