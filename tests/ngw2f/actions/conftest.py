"""The actions on a database and a Redis of their own, without a web around them."""

from collections.abc import Iterator

import pytest

from ngw2f.actions.accounts import Accounts
from ngw2f.actions.sessions import Sessions
from ngw2f.actions.sign_in import SignIn
from ngw2f.broker.limits import Limits
from ngw2f.broker.tries import WrongTries
from ngw2f.core import Core, build_core
from ngw2f.live.attendance import Attendance
from ngw2f.live.presence import Presence
from ngw2f.passwords import Passwords
from ngw2f.settings import Settings


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
