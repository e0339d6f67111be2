"""Tickets without HTTP."""

from collections.abc import Iterator

import gevent
import pytest

from ngw2f.actions.accounts import Accounts
from ngw2f.actions.sessions import Sessions
from ngw2f.actions.sign_in import Client
from ngw2f.actions.tickets import TICKET_SECONDS, Tickets
from ngw2f.broker.connection import Broker
from ngw2f.broker.limits import Limits
from ngw2f.core import Core, build_core
from ngw2f.errors import TooMany, Unauthenticated, Unavailable
from ngw2f.live.attendance import Attendance
from ngw2f.live.presence import Presence
from ngw2f.settings import Settings
from ngw2f.store.tokens import SECONDS_A_DAY, digest_of
from ngw2f.store.users import Credentials, UserRow


@pytest.fixture
def credentials(accounts: Accounts) -> Credentials:
    return accounts.register(Client("192.0.2.1"), "ann", "open sesame").credentials


@pytest.fixture
def token(sessions: Sessions, credentials: Credentials) -> str:
    return sessions.create_token(credentials)


@pytest.fixture
def ann(sessions: Sessions, token: str) -> UserRow:
    user = sessions.find_user(token)
    assert user
    return user


@pytest.fixture
def tickets(core: Core) -> Tickets:
    return build(core)


def build(core: Core, limits: Limits | None = None) -> Tickets:
    """Return the tickets of one process."""
    limits = limits or Limits(core.broker)
    attendance = Attendance(Presence(core.broker), core.database, core.events)
    return Tickets(core, limits, Sessions(core, limits, attendance))


@pytest.fixture
def other_process(settings: Settings) -> Iterator[Tickets]:
    core = build_core(settings)
    yield build(core)
    core.close()


def test_ticket_is_its_tokens(tickets: Tickets, ann: UserRow, token: str) -> None:
    user = tickets.use(tickets.create(ann))
    assert user == ann
    assert user.token_digest == digest_of(token)


def test_ticket_is_good_once_in_all_processes(
    tickets: Tickets, other_process: Tickets, ann: UserRow
) -> None:
    ticket = tickets.create(ann)
    assert other_process.use(ticket) == ann
    for each in (tickets, other_process):
        with pytest.raises(Unauthenticated, match="used"):
            each.use(ticket)


def test_of_many_requests_at_once_one_gets_it(
    tickets: Tickets, other_process: Tickets, ann: UserRow
) -> None:
    ticket = tickets.create(ann)
    outcomes: list[object] = []

    def use(each: Tickets) -> None:
        try:
            outcomes.append(each.use(ticket))
        except Unauthenticated:
            outcomes.append(None)

    gevent.joinall([gevent.spawn(use, each) for each in (tickets, other_process) * 10])
    assert sorted(outcomes, key=bool) == [None] * 19 + [ann]


def test_tickets_differ(tickets: Tickets, ann: UserRow) -> None:
    one, other = tickets.create(ann), tickets.create(ann)
    assert tickets.use(one) == tickets.use(other) == ann
    assert len({one, other}) == 2


@pytest.mark.parametrize("ticket", ["", "x", "\0", "\ud800", "ü" * 10_000])
def test_ticket_that_is_none(tickets: Tickets, ticket: str) -> None:
    with pytest.raises(Unauthenticated, match="POST /api/tickets"):
        tickets.use(ticket)


def test_redis_forgets_it_soon_and_never_knew_it(
    core: Core, tickets: Tickets, ann: UserRow, token: str
) -> None:
    ticket, redis = tickets.create(ann), core.broker.redis
    (key,) = redis.keys(core.broker.key("ticket:*"))
    assert 0 < redis.ttl(key) <= TICKET_SECONDS
    kept = repr((key, redis.get(key)))
    assert ticket not in kept
    assert token not in kept
    tickets.use(ticket)
    assert not redis.exists(key)


def test_revoked_token_voids_its_tickets_only(
    tickets: Tickets, sessions: Sessions, credentials: Credentials, ann: UserRow, token: str
) -> None:
    other = sessions.find_user(sessions.create_token(credentials))
    assert other
    ticket, others_ticket = tickets.create(ann), tickets.create(other)
    sessions.end(token)
    with pytest.raises(Unauthenticated, match="revoked"):
        tickets.use(ticket)
    assert tickets.use(others_ticket) == other


def test_ticket_of_a_token_that_has_expired(
    tickets: Tickets, ann: UserRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = tickets.create(ann)
    later = ann.token_expires_at + SECONDS_A_DAY
    monkeypatch.setattr("time.time", lambda: later)
    with pytest.raises(Unauthenticated):
        tickets.use(ticket)


def test_use_notes_that_the_user_is_here(core: Core, tickets: Tickets, ann: UserRow) -> None:
    tickets.use(tickets.create(ann))
    assert Presence(core.broker).is_online(ann.id)


def test_without_redis_none_is_made_or_refused(
    core: Core, tickets: Tickets, ann: UserRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = tickets.create(ann)

    with monkeypatch.context() as patched:
        patched.setattr(Broker, "attempt", lambda _self, _command, otherwise: otherwise)
        for action in (lambda: tickets.create(ann), lambda: tickets.use(ticket)):
            with pytest.raises(Unavailable) as caught:
                action()
            assert caught.value.retry_after
    assert tickets.use(ticket) == ann


def test_account_has_a_limit(core: Core, one_each: Limits, ann: UserRow) -> None:
    tickets = build(core, one_each)
    tickets.create(ann)
    with pytest.raises(TooMany, match="tickets") as caught:
        tickets.create(ann)
    assert caught.value.policy == "ticket"
