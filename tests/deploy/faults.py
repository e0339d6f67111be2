"""What is done to a fleet under load, and what must be true of it afterwards.

Posts and reads by several clients, a stream of each kind open all the time. New code
comes in (SIGHUP, hot upgrade): no request fails. An instance, the RQ workers,
PostgreSQL and Redis end without goodbye and are started again: requests may fail, but
what was acknowledged is there, what was sent again is there once, and whoever follows, or reads on
by `?after=`, has seen every message once, in the order of ids.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from deploy import renew
from tests.deploy.chats import Load, join
from tests.deploy.fleet import Fleet
from tests.deploy.followers import (
    EVERY_KIND,
    Follower,
    HistoryFollower,
    PollFollower,
    following,
)
from tests.live.server import RedisServer
from tests.postgresql import PostgreSQLServer
from tests.waiting import HANGING_SECONDS, wait_until

# The last events have so long to reach everybody, and the last messages to be rendered.
SETTLE_SECONDS = HANGING_SECONDS


@dataclass
class Scene:
    """A fleet, what it stands on, and the clients that use it."""

    fleet: Fleet
    database: PostgreSQLServer
    redis: RedisServer
    load: Load
    followers: list[Follower]
    # So many requests before and after each act.
    requests: int
    # So many instances are renewed by each act: the first ones, or the last.
    renewed: int

    def go_on(self) -> None:
        self.load.wait_for(self.requests, 600)

    def reload(self) -> None:
        for chat in self.fleet.chats[: self.renewed]:
            renew.reload(chat.pid_file)
            self.go_on()

    def upgrade(self) -> None:
        for chat in self.fleet.chats[-self.renewed :]:
            renew.upgrade(chat.pid_file, chat.bind)
            self.go_on()

    def kill_instance(self) -> None:
        self.fleet.chats[0].kill()
        self.go_on()
        self.fleet.chats[0].start()

    def kill_workers(self) -> None:
        self.fleet.workers.kill()
        self.go_on()
        self.fleet.workers.start()

    def restart_database(self) -> None:
        self.database.stop()
        time.sleep(1)
        self.database.start()

    def restart_redis(self) -> None:
        """Start it empty: nothing that it had was kept."""
        self.redis.stop()
        self.go_on()
        self.redis.start()


# By these no request may fail.
RENEWALS: list[Callable[[Scene], None]] = [Scene.reload, Scene.upgrade]
CRASHES: list[Callable[[Scene], None]] = [
    Scene.kill_instance,
    Scene.kill_workers,
    Scene.restart_database,
    Scene.restart_redis,
]


@dataclass
class Outcome:
    """What came of an act, as counts."""

    name: str
    seconds: float
    requests: int
    posts: int
    failures: list[str]
    slowest: float
    reconnects: int
    # Streams that ended in the middle, or were not given.
    breaks: list[str]

    def __str__(self) -> str:
        return (
            f"{self.name:18} {self.requests:6} requests ({self.posts} posts) in "
            f"{self.seconds:5.1f} s, {len(self.failures)} failed, slowest {self.slowest:.2f} s; "
            f"{self.reconnects} streams opened again, {len(self.breaks)} broken or refused"
        )


def play(
    fleet: Fleet,
    database: PostgreSQLServer,
    redis: RedisServer,
    acts: Sequence[Callable[[Scene], None]],
    requests: int,
    renewed: int = 2,
    tell: Callable[[Outcome], object] = lambda _outcome: None,
    threads: int = 8,
    pause_seconds: float = 0.1,
) -> list[Outcome]:
    """Do all of them, one after the other, and check what is true at the end.

    The load comes from so many *threads*, each of which pauses after each request.
    """
    outcomes = []
    headers = join(fleet.client, "ann")
    with following(fleet.client, [*EVERY_KIND, *[HistoryFollower] * 2]) as followers:
        with Load(fleet.client, headers, threads, 2, pause_seconds, sends_again=True) as load:
            scene = Scene(fleet, database, redis, load, followers, requests, renewed)
            for act in acts:
                outcomes.append(perform(scene, act))
                tell(outcomes[-1])
        check(fleet, load.acknowledged, followers)
        # Each once, whatever became of the answers, and however often it was sent.
        assert sorted(load.posted) == sorted(each["source"] for each in fleet.messages())
    return outcomes


def perform(scene: Scene, act: Callable[[Scene], None]) -> Outcome:
    """Do it under load, and say what came of it."""
    load, followers = scene.load, scene.followers
    start, requests, posts = time.monotonic(), load.requests, len(load.acknowledged)
    failures, opened = len(load.failures), streams_opened(followers)
    broken = [(len(each.breaks), len(each.refusals)) for each in followers]
    load.slowest = 0.0
    scene.go_on()
    act(scene)
    scene.go_on()
    return Outcome(
        name=act.__name__,
        seconds=time.monotonic() - start,
        requests=load.requests - requests,
        posts=len(load.acknowledged) - posts,
        failures=load.failures[failures:],
        slowest=load.slowest,
        reconnects=streams_opened(followers) - opened,
        breaks=[
            f"{type(each).__name__}: {line}"
            for each, (breaks, refusals) in zip(followers, broken, strict=True)
            for line in [*each.breaks[breaks:], *each.refusals[refusals:]]
        ],
    )


def streams_opened(followers: Sequence[Follower]) -> int:
    once = (PollFollower, HistoryFollower)
    return sum(each.opened for each in followers if not isinstance(each, once))


def check(fleet: Fleet, acknowledged: Sequence[int], followers: Sequence[Follower]) -> None:
    """Check that nothing is lost and nobody missed anything."""
    stored = fleet.stored()
    assert set(acknowledged) <= set(stored)
    with contextlib.suppress(AssertionError):
        wait_until(lambda: all(len(f.created) >= len(stored) for f in followers), SETTLE_SECONDS)
    for follower in followers:
        # In the order of ids, which is that of the commits.
        assert follower.created == stored, describe(follower, stored)
    wait_until(lambda: all(message["rendered"] for message in fleet.messages()), SETTLE_SECONDS)
    live = [f for f in followers if not isinstance(f, HistoryFollower)]
    wait_until(lambda: all(f.rendered >= set(stored) for f in live), SETTLE_SECONDS)


def describe(follower: Follower, stored: list[int]) -> str:
    seen = follower.created
    missing = sorted(set(stored) - set(seen))
    twice = len(seen) - len(set(seen))
    return (
        f"{type(follower).__name__} saw {len(seen)} of {len(stored)}, {twice} twice, "
        f"missing {missing[:10]}, {follower.resyncs} resyncs"
    )
