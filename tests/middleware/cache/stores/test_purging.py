"""Purges by URL, prefix and group, with both stores: by a call, over HTTP, and from a command."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from middleware.cache import (
    GroupClock,
    MemoryStore,
    PurgeRequests,
    RedisStore,
    SharedGroupClock,
    Store,
    bearer,
    same_host,
)
from middleware.cache.__main__ import main
from middleware.cache.prefixes import prefix_group, prefix_groups
from tests.middleware.cache.around import Client, FakeClock, Origin, fresh, request, status_of
from tests.middleware.cache.stores.kept import Broken, store_on
from tests.middleware.serving import Exchange

SITE = "http://localhost"
TOKEN = "a-token-of-enough-characters"
BEARER = f"Bearer {TOKEN}"
SECONDS = 60


def is_stored(client: Client, path: str, **fields: str) -> bool:
    return "; hit" in status_of(client.ask(path, **fields, Cache_Control="only-if-cached"))


def filled(store: Store, *paths: str, **options: Any) -> Client:
    client = Client(fresh(cache_groups='"rooms"', vary="Accept"), store=store, **options)
    for path in paths:
        client.ask(path)
        assert is_stored(client, path)
    return client


def purging(store: Store, *paths: str, **options: Any) -> Client:
    return filled(store, *paths, purge_requests=PurgeRequests(bearer(TOKEN), **options))


# By a call.


def test_url_is_purged_in_all_variants(kept: Store) -> None:
    client = filled(kept, "/a", "/a?b", "/a/b")
    client.ask("/a", Accept="text/plain")
    assert client.cache.purge(urls=[f"{SITE}/a"])
    assert not is_stored(client, "/a")
    assert not is_stored(client, "/a", Accept="text/plain")
    assert is_stored(client, "/a?b")
    assert is_stored(client, "/a/b")


@pytest.mark.parametrize("url", ["HTTP://LOCALHOST:80/caf%c3%A9?x", f"{SITE}/café?x#top"])
def test_url_may_be_written_in_any_form(kept: Store, url: str) -> None:
    client = filled(kept, "/café?x")
    client.cache.purge(urls=[url])
    assert not is_stored(client, "/café?x")


def test_query_may_be_written_as_browsers_show_it(kept: Store) -> None:
    """They send it with escapes, and some programs as it is typed."""
    paths = ["/a?q=K%C3%B6ln%20x", "/a?q=Köln%20x"]
    client = filled(kept, *paths)
    client.cache.purge(urls=[f"{SITE}/a?q=Köln%20x"])
    assert not any(is_stored(client, path) for path in paths)


@pytest.mark.parametrize("prefix", ["/a", "/a/", "/a/*"])
def test_prefix_is_of_whole_segments(kept: Store, prefix: str) -> None:
    gone, stays = ["/a", "/a?b", "/a/", "/a/b/c?d"], ["/ab", "/", "/b/a"]
    client = filled(kept, *gone, *stays)
    client.cache.purge(prefixes=[f"{SITE}{prefix}"])
    assert [path for path in (*gone, *stays) if is_stored(client, path)] == stays


def test_origin_is_a_prefix(kept: Store) -> None:
    client = filled(kept, "/", "/a")
    client.ask("/a", Host="b.test")
    client.cache.purge(prefixes=[SITE])
    assert not is_stored(client, "/")
    assert not is_stored(client, "/a")
    assert is_stored(client, "/a", Host="b.test")


def test_long_prefix_drops_at_least_what_is_below_it(kept: Store) -> None:
    deep = "/1/2/3/4/5/6/7/8/9"
    client = filled(kept, deep, "/1/2/3/4/5/6")
    client.cache.purge(prefixes=[f"{SITE}{deep}"])
    assert not is_stored(client, deep)
    assert is_stored(client, "/1/2/3/4/5/6")


def test_group_is_purged(kept: Store) -> None:
    client = filled(kept, "/a")
    client.cache.purge(groups=["users"])
    assert is_stored(client, "/a")
    client.cache.purge(groups=["rooms"])
    assert not is_stored(client, "/a")


def test_whole_origin_with_a_star() -> None:
    client = filled(MemoryStore(), "/a")
    client.cache.purge(prefixes=[f"{SITE}/*"])
    assert not is_stored(client, "/a")


@pytest.mark.parametrize("what", [{"urls": [f"{SITE}/a"]}, {"prefixes": [f"{SITE}/"]}])
def test_what_was_requested_before_a_purge_is_not_stored(kept: Store, what: Any) -> None:
    client = filled(kept)
    client.app.before = lambda: client.cache.purge(**what)
    client.ask("/a")
    assert not is_stored(client, "/a")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_purged_is_not_validated(kept: Store, method: str) -> None:
    """The application may send other content with the same ETag, and mean what it says."""
    client = Client(fresh(b"wrong", etag='"a"'), store=kept)
    client.ask()
    assert client.cache.purge(urls=[f"{SITE}/"])
    client.app.body = b"right"
    client.ask(method=method)
    assert client.ask().content == b"right"
    assert all("HTTP_IF_NONE_MATCH" not in each for each in client.app.seen)


def test_key_hook_applies_to_purges(kept: Store) -> None:
    client = filled(kept, "/a", "/b", "/c", key=same_host("localhost", "www.test"))
    client.cache.purge(urls=["http://www.test/a"], prefixes=["http://www.test/b"])
    assert [is_stored(client, path) for path in ("/a", "/b", "/c")] == [False, False, True]


def test_nobody_can_purge_a_prefix_by_a_post(kept: Store) -> None:
    client = filled(kept, "/a/b")
    client.ask("/a/*", "POST")
    client.ask("/a%20/*", "POST")
    assert is_stored(client, "/a/b")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({"urls": ["/a"]}, "not an absolute URL, as in https://example.com/path: '/a'"),
        ({"urls": ["https://"]}, "not an absolute URL"),
        ({"urls": ["http://[/"]}, "not an absolute URL"),
        ({"prefixes": ["ftp://a.test/"]}, "not an absolute URL"),
        ({"prefixes": [f"{SITE}/a?b"]}, "a prefix has no query"),
        ({"prefixes": [f"{SITE}/a*"]}, 'a prefix ends with a segment, or "/[*]"'),
        ({"urls": [f"{SITE}/a/*"]}, "a prefix, not a URL: 'http://localhost/a/[*]'"),
        ({"urls": f"{SITE}/a"}, "urls must be a list"),
        ({"groups": "rooms"}, "groups must be a list"),
    ],
)
def test_what_is_no_purge(what: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        Client(fresh()).cache.purge(**what)


def test_url_that_is_never_stored() -> None:
    with pytest.raises(ValueError, match="the key hook keeps it out of the cache"):
        Client(fresh(), key=lambda _uri: None).cache.purge(urls=[f"{SITE}/a"])


def test_prefixes_of_a_key() -> None:
    origin = "https://a.test"
    below_b = [f"/* {origin}", f"/* {origin}/b", f"/* {origin}/b/c"]
    assert prefix_groups("https://a.test//b/c/?d/e") == below_b
    assert prefix_group("https://a.test/b/c/") == below_b[-1]
    assert prefix_group("https://a.test/") == below_b[0]


# By other processes.


def test_purge_by_another_process(tmp_path: Path) -> None:
    client = filled(MemoryStore(clock=SharedGroupClock(tmp_path / "clock")), "/a", "/b/c", "/d")
    assert command("--clock", str(tmp_path / "clock"), "--url", f"{SITE}/a", "--prefix",
                   f"{SITE}/b") == f"purged {SITE}/a, all below {SITE}/b\n"  # fmt: skip
    assert [is_stored(client, path) for path in ("/a", "/b/c", "/d")] == [False, False, True]


def test_purge_in_redis_by_a_command(
    server: str, store: RedisStore, capsys: pytest.CaptureFixture[str]
) -> None:
    client = filled(store, "/a", "/b/c")
    arguments = ["purge", "--redis", f"unix://{server}", "--prefix", f"{SITE}/b", "--group", "x"]
    main(arguments)
    assert capsys.readouterr().out == f"purged all below {SITE}/b, group x\n"
    assert [is_stored(client, path) for path in ("/a", "/b/c")] == [True, False]
    main([*arguments, "--keys", "other:", "--url", f"{SITE}/a"])
    assert is_stored(client, "/a")


WWW = same_host("localhost", "www.test")


def test_command_applies_the_key_hook(tmp_path: Path) -> None:
    client = filled(MemoryStore(clock=SharedGroupClock(tmp_path / "clock")), "/a", key=WWW)
    main(["purge", "--clock", str(tmp_path / "clock"), "--key", f"{__name__}:WWW",
          "--url", "http://www.test/a"])  # fmt: skip
    assert not is_stored(client, "/a")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--clock", "missing", "--group", "a"], "no cache has a clock at missing"),
        (["--clock", "clock"], "nothing to purge: give --url, --prefix or --group"),
        (["--clock", "clock", "--url", "/a"], "not an absolute URL, as in"),
        (["--clock", "clock", "--key", "nothing", "--group", "a"], "--key nothing: "),
        (["--clock", "clock", "--key", "os:nothing", "--group", "a"], "--key os:nothing: "),
        (["--clock", "clock", "--key", "os:sep", "--group", "a"], "--key os:sep is not a function"),
        (["--redis", "nonsense", "--group", "a"], "--redis: "),
        (["--redis", "redis://a.test?decode_responses=yes", "--group", "a"], "--redis: "),
        (["--redis", "unix:///missing", "--group", "a"], "the store cannot be reached"),
    ],
)
def test_command_says_in_a_line_what_is_wrong(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    SharedGroupClock("clock").open()
    with pytest.raises(SystemExit, match=f"^middleware.cache: {message}[^\n]*$"):
        main(["purge", *arguments])
    assert not Path("missing").exists()


def test_command_is_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["middleware.cache", "purge", "--clock", "missing"])
    with pytest.raises(SystemExit, match="no cache has a clock at missing"):
        runpy.run_path(main.__code__.co_filename, run_name="__main__")


@pytest.mark.parametrize("content", [b"SQLite format 3\0" * 100_000, b"[settings]\n", b""])
def test_file_that_is_no_clock_stays_as_it_is(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(SystemExit, match=r"other is not a clock of this release$"):
        main(["purge", "--clock", str(path), "--group", "a"])
    assert path.read_bytes() == content


def test_clock_that_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_clock: SharedGroupClock) -> None:
        raise PermissionError(13, "Permission denied")

    SharedGroupClock(tmp_path / "clock").open()
    monkeypatch.setattr(SharedGroupClock, "open", fail)
    with pytest.raises(SystemExit, match=r"clock: Permission denied$"):
        main(["purge", "--clock", str(tmp_path / "clock"), "--group", "a"])


def test_command_without_redis_py(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(SystemExit, match=r"--redis needs redis-py: pip install redis$"):
        main(["purge", "--redis", "unix:///missing", "--group", "a"])


# Over HTTP.


def test_purge_is_the_applications_unless_asked_for(kept: Store) -> None:
    client = filled(kept, "/a")
    client.app = Origin(status="405 Method Not Allowed")
    assert client.ask("/a", "PURGE", Authorization=BEARER).status == "405 Method Not Allowed"
    assert is_stored(client, "/a")


def test_purge_of_a_url(kept: Store) -> None:
    client = purging(kept, "/a", "/a?b", "/a/b")
    answer = client.ask("/a", "PURGE", Authorization=BEARER)
    assert (answer.status, answer.content) == ("200 OK", b"Purged http://localhost/a\n")
    assert status_of(answer) == ""
    assert [is_stored(client, path) for path in ("/a", "/a?b", "/a/b")] == [False, True, True]
    client.ask("/a?b", "PURGE", Authorization=f"bearer  {TOKEN}")
    assert not is_stored(client, "/a?b")


def test_purge_of_a_prefix(kept: Store) -> None:
    client = purging(kept, "/a", "/a?b", "/a/b", "/ab")
    client.ask("/a/*", "PURGE", Authorization=BEARER)
    left = [path for path in ("/a", "/a?b", "/a/b", "/ab") if is_stored(client, path)]
    assert left == ["/ab"]
    client.ask("/*", "PURGE", Authorization=BEARER)
    assert not is_stored(client, "/ab")


def test_purge_of_groups(kept: Store) -> None:
    client = purging(kept, "/a")
    client.ask("/a", Host="b.test")
    groups = '"users", "rooms";x=1'
    answer = client.ask("/nothing", "PURGE", Authorization=BEARER, Cache_Group_Invalidation=groups)
    assert answer.content == b"Purged http://localhost/nothing users rooms\n"
    # For the caches on the way.
    assert answer.header("Cache-Group-Invalidation") == groups
    assert not is_stored(client, "/a")
    assert is_stored(client, "/a", Host="b.test")
    client.ask("/a")
    client.ask("/b/*", "PURGE", Authorization=BEARER, Cache_Group_Invalidation=groups)
    assert not is_stored(client, "/a")


@pytest.mark.parametrize(
    "given",
    [
        "",
        "Bearer",
        "Bearer wrong",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer é",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
    ],
)
def test_purge_needs_the_token(kept: Store, given: str) -> None:
    client = purging(kept, "/a")
    answer = client.ask("/a", "PURGE", Authorization=given)
    assert (answer.status, answer.header("WWW-Authenticate")) == (
        "401 Unauthorized", 'Bearer realm="purge"',
    )  # fmt: skip
    assert is_stored(client, "/a")


@pytest.mark.parametrize(
    ("path", "fields", "message"),
    [
        ("/a*", {}, b'A prefix ends with "/*", and has no query.\n'),
        ("/a/*?b", {}, b'A prefix ends with "/*", and has no query.\n'),
        ("/a", {"Host": "a b"}, b"Nothing is stored under this host or path.\n"),
        (
            "/a",
            {"Cache_Group_Invalidation": "rooms"},
            b'Groups are a list of strings, as in "a", "b".\n',
        ),
    ],
)
def test_purge_that_is_not_understood(path: str, fields: dict[str, str], message: bytes) -> None:
    client = purging(MemoryStore(), "/a")
    answer = client.ask(path, "PURGE", Authorization=BEARER, **fields)
    assert (answer.status, answer.content) == ("400 Bad Request", message)
    assert is_stored(client, "/a")


def test_purges_are_limited() -> None:
    clock = FakeClock()
    client = purging(MemoryStore(), "/a", per_minute=2, now=clock)

    def purge(given: str = BEARER) -> Exchange:
        return client.ask("/a", "PURGE", Authorization=given)

    assert [purge(given).status[:3] for given in ("x", "x", BEARER, "x", BEARER)] == [
        "401", "401", "200", "401", "200",
    ]  # fmt: skip
    client.ask("/a")
    refused = purge()
    assert (refused.status, refused.header("Retry-After")) == ("429 Too Many Requests", "30")
    assert is_stored(client, "/a")
    clock.pass_by(14.5)
    assert purge().header("Retry-After") == "16"
    clock.pass_by(15.5)
    assert purge().status == "200 OK"
    clock.pass_by(3600)
    assert [purge().status[:3] for _ in range(3)] == ["200", "200", "429"]


def test_purge_while_redis_is_away(connection: Any) -> None:
    broken = Broken(connection)
    broken.away = False
    client = purging(store_on(broken), "/a")
    broken.away = True
    answer = client.ask("/a", "PURGE", Authorization=BEARER)
    assert answer.status == "202 Accepted"
    broken.away = False
    assert not is_stored(client, "/a")


def test_entry_that_lacks_its_prefixes_is_not_used(connection: Any, store: RedisStore) -> None:
    """As an older release stored it: a purge of a prefix would not find it."""
    client = filled(store, "/a/b")
    (key,) = connection.keys("cache:r:*")
    ((identity, text),) = connection.hgetall(key).items()
    head, _, rest = text.partition(b"\n")
    short = b" ".join(head.split()[:-1])
    connection.hset(key, identity, short + b"\n" + rest)
    assert not is_stored(client, "/a/b")


@pytest.mark.parametrize(
    "token",
    [
        "",
        "short",
        "x" * 15,
        "a token of enough characters",
        "a-token-é-of-enough",
        "a-token\tof-enough-characters",
    ],
)
def test_token_that_can_be_none(token: str) -> None:
    with pytest.raises(ValueError, match="a token has"):
        bearer(token)


@pytest.mark.parametrize("options", [{"is_allowed": None}, {"is_allowed": "x"}])
def test_somebody_must_be_allowed(options: Any) -> None:
    with pytest.raises(TypeError, match="is_allowed must be a function"):
        PurgeRequests(**options)


def test_limit_that_allows_nothing() -> None:
    with pytest.raises(ValueError, match="per_minute must be at least 1, not 0"):
        PurgeRequests(bearer(TOKEN), per_minute=0)


def test_anybody_who_is_allowed_purges(kept: Store) -> None:
    allowed = PurgeRequests(lambda environ: environ.get("REMOTE_USER") == "operator")
    client = filled(kept, "/a", purge_requests=allowed)
    assert client.ask("/a", "PURGE").status == "401 Unauthorized"
    environ = request("/a", "PURGE") | {"REMOTE_USER": "operator"}
    assert Exchange(environ).run(client.cache).status == "200 OK"
    assert not is_stored(client, "/a")


def test_store_with_a_clock_of_its_own_drops() -> None:
    assert MemoryStore(clock=GroupClock()).drop(["a"]) is True


def command(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "middleware.cache", "purge", *arguments],
        capture_output=True, text=True, check=True, timeout=SECONDS,
    )  # fmt: skip
    return done.stdout
