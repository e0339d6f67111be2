"""The actions on a database and a Redis of their own, without a web around them."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from ngw2f.actions.accounts import Accounts
from ngw2f.actions.messages import Messages
from ngw2f.actions.rooms import Rooms
from ngw2f.actions.sessions import Sessions
from ngw2f.actions.sign_in import SignIn
from ngw2f.broker.limits import RULES, Limits
from ngw2f.broker.tries import WrongTries
from ngw2f.core import Core, build_core
from ngw2f.jobs.wakeup import RENDER, WakeUp
from ngw2f.live.attendance import Attendance
from ngw2f.live.presence import Presence
from ngw2f.live.typing import TypingNotices
from ngw2f.passwords import Passwords
from ngw2f.settings import Settings
from ngw2f.store import users
from ngw2f.store.schema import events
from ngw2f.store.users import UserRow


@pytest.fixture
def core(settings: Settings) -> Iterator[Core]:
    core = build_core(settings)
    yield core
    core.close()


@pytest.fixture
def limits(core: Core) -> Limits:
    return Limits(core.broker)


@pytest.fixture
def sign_in(core: Core, limits: Limits) -> SignIn:
    return SignIn(core, limits, Passwords(), WrongTries(core.broker))


@pytest.fixture
def sessions(core: Core, limits: Limits) -> Sessions:
    return Sessions(core, limits, Attendance(Presence(core.broker), core.database, core.events))


@pytest.fixture
def accounts(core: Core, limits: Limits, sign_in: SignIn) -> Accounts:
    return Accounts(core, limits, sign_in)


@pytest.fixture
def one_each(core: Core) -> Limits:
    """Limits of one write of each kind."""
    return Limits(core.broker, [rule._replace(limit="1/hour") for rule in RULES])


@pytest.fixture
def messages(core: Core, limits: Limits) -> Messages:
    return Messages(core, limits, WakeUp(core.broker, RENDER))


@pytest.fixture
def rooms(core: Core, limits: Limits) -> Rooms:
    return Rooms(core, limits, TypingNotices(core.broker, core.events))


@pytest.fixture
def ann(core: Core) -> UserRow:
    return create_user(core, "Ann")


@pytest.fixture
def bob(core: Core, ann: UserRow) -> UserRow:
    return create_user(core, "Bob")


@pytest.fixture
def event_names(core: Core) -> Callable[[], list[str]]:
    """Give a function that returns the names of all stored events, oldest first."""

    def read() -> list[str]:
        with core.database.reading() as connection:
            return list(connection.scalars(select(events.c.name).order_by(events.c.id)))

    return read


def create_user(core: Core, nickname: str) -> UserRow:
    with core.database.writing() as connection:
        return users.create_user(connection, nickname, nickname.lower(), "hash")
