import errno
from collections.abc import Iterator

import gevent
import gevent.event
import pytest

from ngw2f.live import liveness as module
from ngw2f.live.formats import JSONLines
from ngw2f.live.liveness import HEARTBEAT_TICKS, Liveness
from ngw2f.live.subscription import Ending, Subscription
from ngw2f.store import tokens
from ngw2f.store.tokens import digest_of
from tests.ngw2f.live.conftest import Stage

SECONDS = 60


@pytest.fixture(autouse=True)
def heartbeat(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run a heartbeat whose seconds are milliseconds."""
    monkeypatch.setattr(module, "TICK_SECONDS", 0.001)
    stage.hub.load()
    greenlet = gevent.spawn(Liveness(stage.hub).run)
    yield
    greenlet.kill()


def hear(subscription: Subscription) -> bytes | None:
    with gevent.Timeout(SECONDS):
        return subscription.next_chunk()


def test_every_connection_hears_that_it_lives(stage: Stage) -> None:
    subscriptions = [stage.subscribe() for _ in range(2 * HEARTBEAT_TICKS)]
    assert {hear(each) for each in subscriptions} == {JSONLines.heartbeat}


def test_tick_reminds_an_equal_part(stage: Stage) -> None:
    subscriptions = [stage.subscribe() for _ in range(2 * HEARTBEAT_TICKS)]
    # Nothing here lets another greenlet run.
    for each in subscriptions:
        each.is_due = False
    Liveness(stage.hub)._visit()
    assert sum(each.is_due for each in subscriptions) == 2


def test_heartbeats_are_repeated(stage: Stage) -> None:
    subscription = stage.subscribe()
    assert [hear(subscription) for _ in range(3)] == [JSONLines.heartbeat] * 3


def never_come_back(subscription: Subscription) -> int | None:
    """Take a chunk, and write it to a client that does not read."""
    subscription.next_chunk()
    try:
        gevent.event.Event().wait(SECONDS)
    except OSError as error:
        return error.errno
    return None


def test_client_that_does_not_read_is_cut_off(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STALL_SECONDS", 0.0)
    subscription = stage.subscribe()
    subscription.say(b"something")
    assert gevent.spawn(never_come_back, subscription).get() == errno.EPIPE


def test_client_that_reads_slowly_is_not_cut_off(stage: Stage) -> None:
    subscription = stage.subscribe()
    subscription.say(b"something")
    writer = gevent.spawn(never_come_back, subscription)
    # Another one's heartbeats tell that more than a round of visits has passed.
    for _ in range(2):
        hear(stage.subscribe())
    assert not writer.ready()
    writer.kill()


def test_token_that_has_expired_ends_its_connection(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TOKEN_CHECK_TICKS", 1)
    ann = stage.user("ann")
    with stage.services.core.database.writing() as connection:
        good = tokens.create_token(connection, ann.id, 1)
        expired = tokens.create_token(connection, ann.id, -1)
    ending = stage.hub.subscribe(JSONLines(), ann.id, digest_of(expired))
    staying = stage.hub.subscribe(JSONLines(), ann.id, digest_of(good))
    while hear(ending):
        pass
    assert ending.ending is Ending.REVOKED
    assert hear(staying) == JSONLines.heartbeat


def test_goes_on_while_the_database_is_away(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "TOKEN_CHECK_TICKS", 1)
    ann = stage.user("ann")
    subscription = stage.hub.subscribe(JSONLines(), ann.id, digest_of("any"))
    with stage.services.core.database.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE tokens RENAME TO lost")
    assert [hear(subscription) for _ in range(2)] == [JSONLines.heartbeat] * 2
    assert "tokens were not checked" in caplog.text


def test_mistake_does_not_end_it(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    mistakes = [ValueError("a mistake")]
    remind = Subscription.remind

    def fail_once(subscription: Subscription) -> None:
        if mistakes:
            raise mistakes.pop()
        remind(subscription)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Subscription, "remind", fail_once)
        assert hear(stage.subscribe()) == JSONLines.heartbeat
    assert "heartbeat tick failed" in caplog.text
