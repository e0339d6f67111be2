import json
import os
import signal
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis

from ngw2f.crash_marks import CrashMark
from ngw2f.jobs import links, upkeep
from ngw2f.jobs.context import JobContext, current_context
from ngw2f.jobs.links import fetch_links
from ngw2f.jobs.render import render_messages
from ngw2f.links import outbox as link_outbox
from ngw2f.links.guard.sites import MAX_AT_SITE
from ngw2f.links.outcome import Patience
from ngw2f.settings import Settings
from ngw2f.store.database import DatabaseBusyError
from tests.client import Client
from tests.conftest import LINKS_TIMEOUT_SECONDS
from tests.entries import entries_of
from tests.ngw2f.jobs.conftest import WebSite
from tests.waiting import HANGING_SECONDS, wait_until

# Before a link that hangs is given up.
EARLY_SECONDS = LINKS_TIMEOUT_SECONDS - 10


@pytest.fixture
def ann(client: Client) -> dict[str, str]:
    return client.join("Ann")


@pytest.fixture
def say(client: Client, ann: dict[str, str]) -> Callable[[str], str]:
    """Return a function that posts a message and returns its address."""

    def post(source: str) -> str:
        return str(client.say(ann, source)["_links"]["self"])

    return post


def previews(client: Client, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(path).json["previews"]
    return found


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_link_gets_its_preview(
    job_context: JobContext, client: Client, say: Callable[[str], str], site: WebSite
) -> None:
    path = say(f"look: {site.url('/a')}")
    assert render_messages() == 1
    assert previews(client, path) == []
    assert fetch_links() == 1
    assert previews(client, path) == [
        {
            "url": site.url("/a"),
            "title": "Page /a",
            "description": "",
            "site_name": "127.0.0.1",
            "image": "",
            "image_width": 0,
            "image_height": 0,
        }
    ]


def test_preview_is_told_of(
    job_context: JobContext, client: Client, say: Callable[[str], str], site: WebSite, redis: Redis
) -> None:
    say(site.url("/a"))
    render_messages()
    fetch_links()
    names = [entry[b"event"] for _, entry in entries_of(redis, "ngw2f:events")]
    assert names.count(b"message.updated") == 2
    *_, (_, newest) = entries_of(redis, "ngw2f:events")
    assert b'"title":"Page /a"' in newest[b"data"]


def test_list_shows_new_preview(
    job_context: JobContext, client: Client, say: Callable[[str], str], site: WebSite
) -> None:
    say(site.url("/a"))
    render_messages()
    client.get("/api/messages")
    fetch_links()
    (message,) = client.get("/api/messages").json["messages"]
    assert message["previews"][0]["title"] == "Page /a"


def test_link_tells_nobody_that_it_was_posted_in_a_private_room(
    job_context: JobContext,
    client: Client,
    ann: dict[str, str],
    say: Callable[[str], str],
    site: WebSite,
) -> None:
    den = {"name": "den", "private": True}
    room = client.post_json("/api/rooms", den, headers=ann, status=201).json
    client.say(ann, site.url("/a"), room["_links"]["messages"])
    render_messages()
    fetch_links()
    path = say(site.url("/a"))
    render_messages()
    assert previews(client, path) == []
    fetch_links()
    assert previews(client, path)[0]["title"] == "Page /a"
    assert site.paths.count("/a") == 2


def test_picture_is_served_by_the_chat(
    job_context: JobContext, client: Client, say: Callable[[str], str], site: WebSite
) -> None:
    path = say(site.url("/with-picture"))
    render_messages()
    fetch_links()
    (preview,) = previews(client, path)
    assert (preview["image_width"], preview["image_height"]) == (427, 320)
    answer = client.get(preview["image"])
    assert answer.content_type == "image/webp"
    assert answer.body.startswith(b"RIFF")


def test_link_to_a_picture_is_fetched_once(
    job_context: JobContext, client: Client, say: Callable[[str], str], site: WebSite
) -> None:
    path = say(site.url("/picture.png"))
    render_messages()
    fetch_links()
    assert previews(client, path)[0]["image"]
    assert site.paths == ["/picture.png"]


def test_same_link_is_fetched_once(
    job_context: JobContext, client: Client, say: Callable[[str], str], site: WebSite
) -> None:
    paths = [say(site.url("/a")) for _ in range(100)]
    render_messages()
    assert fetch_links() == 1
    assert site.paths == ["/a"]
    assert all(previews(client, path) for path in paths)


def updates(redis: Redis) -> list[int]:
    """Return the ids of the messages that events tell of, once for each."""
    entries = entries_of(redis, "ngw2f:events")
    return [
        json.loads(entry[b"data"])["id"]
        for _, entry in entries
        if entry[b"event"] == b"message.updated" and b"Page /a" in entry[b"data"]
    ]


def test_all_messages_of_a_link_are_told(
    job_context: JobContext,
    client: Client,
    say: Callable[[str], str],
    site: WebSite,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_outbox, "MAX_TOLD", 3)
    paths = [say(site.url("/a")) for _ in range(10)]
    render_messages()
    assert fetch_links() == 1
    assert sorted(updates(redis)) == list(range(1, 11))
    assert all(previews(client, path) for path in paths)


def test_killed_while_it_tells(
    job_context: JobContext,
    say: Callable[[str], str],
    site: WebSite,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is left to be told is found by the next job, which the sweep calls."""
    monkeypatch.setattr(link_outbox, "MAX_TOLD", 3)
    for _ in range(10):
        say(site.url("/a"))
    render_messages()
    (due,) = job_context.link_outbox.list_due(1, [], [])
    job_context.link_outbox.store([(due, job_context.fetching.preview_fetcher.visit(due.url))])
    assert sorted(updates(redis)) == [8, 9, 10]
    assert upkeep.sweep()
    assert fetch_links() == 0
    assert sorted(updates(redis)) == list(range(1, 11))
    assert not upkeep.sweep()


def test_failure_is_kept(
    job_context: JobContext, client: Client, say: Callable[[str], str], site: WebSite
) -> None:
    path = say(site.url("/gone"))
    render_messages()
    assert fetch_links() == 1
    say(site.url("/gone"))
    render_messages()
    assert fetch_links() == 0
    assert site.paths == ["/gone"]
    assert previews(client, path) == []


def test_failure_is_tried_again(
    job_context: JobContext,
    client: Client,
    say: Callable[[str], str],
    site: WebSite,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ngw2f.links.outbox.RETRY_SECONDS", (0, 0))
    say(site.url("/gone"))
    render_messages()
    assert fetch_links() == 3
    assert fetch_links() == 0


def die_at(settings: Settings, preview_id: int) -> None:
    """Leave the mark of a process that died while it read a link."""
    dead = CrashMark(settings.data_path / "link-marks")
    dead.set(preview_id)
    dead._map.close()  # As the kernel does.
    os.close(dead._file)


def test_death_is_a_failure(
    job_context: JobContext,
    settings: Settings,
    say: Callable[[str], str],
    site: WebSite,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ngw2f.links.outbox.RETRY_AFTER_DEATH_SECONDS", (0, 0))
    say(site.url("/a"))
    render_messages()
    for _ in range(2):
        die_at(settings, 1)
        job_context.link_outbox.note_crashes()
        assert job_context.link_outbox.has_due()
    die_at(settings, 1)
    assert fetch_links() == 0
    assert site.paths == []


def test_death_of_one_that_is_deleted(job_context: JobContext, settings: Settings) -> None:
    die_at(settings, 77)
    job_context.link_outbox.note_crashes()
    assert not list((settings.data_path / "link-marks").iterdir())


def test_living_one_has_not_failed(
    job_context: JobContext, say: Callable[[str], str], site: WebSite
) -> None:
    say(site.url("/a"))
    render_messages()
    job_context.link_outbox.note(1)
    assert fetch_links() == 1


def test_refused_is_not_tried_again(
    job_context: JobContext,
    client: Client,
    say: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ngw2f.links.outbox.RETRY_SECONDS", (0, 0))
    say("http://127.0.0.1:1/")
    render_messages()
    assert fetch_links() == 1


def test_refused_is_logged(
    job_context: JobContext, say: Callable[[str], str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "ngw2f.links.visit")
    say("http://127.0.0.1:1/")
    render_messages()
    fetch_links()
    assert "link refused: port: port 1 is not allowed for links" in caplog.text


def test_edited_away_has_no_preview(
    job_context: JobContext,
    client: Client,
    ann: dict[str, str],
    say: Callable[[str], str],
    site: WebSite,
) -> None:
    path = say(site.url("/a"))
    render_messages()
    fetch_links()
    client.put_json(path, {"source": "nothing"}, headers=ann)
    assert previews(client, path) == []
    render_messages()
    assert previews(client, path) == []


def test_signal_at_the_end_of_a_wait_does_not_make_it_endless(
    job_context: JobContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker sends its fetch process one after the other until it stops."""
    monkeypatch.setattr(links, "LOOK_SECONDS", 0.005)
    before = signal.signal(signal.SIGUSR2, lambda *_: None)
    waiting = links.Round(job_context)
    is_over = threading.Event()
    late: list[bool] = []

    def send_signals() -> None:
        began = time.monotonic()
        while not is_over.wait(links.LOOK_SECONDS):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)
            if time.monotonic() - began > HANGING_SECONDS:
                late.append(True)
                # It waits no longer, and fails.
                waiting._finished.put(None)  # type: ignore[arg-type]

    sender = threading.Thread(target=send_signals)
    sender.start()
    try:
        for _ in range(500):
            waiting._collect()
    finally:
        is_over.set()
        sender.join()
        signal.signal(signal.SIGUSR2, before)
    assert not late


def test_four_at_one_site(
    job_context: JobContext, say: Callable[[str], str], site: WebSite
) -> None:
    say(" ".join(site.url(f"/hang/{number}") for number in range(5)))
    say(" ".join(site.url(f"/hang/{number}") for number in range(5, 10)))
    render_messages()
    job = threading.Thread(target=fetch_in(job_context))
    job.start()
    wait_until(lambda: len(site.paths) >= 4)
    time.sleep(0.3)  # A fifth would come by then.
    site.closing.set()
    job.join()
    assert len(site.paths) == 10
    assert site.most_at_once == 4


def test_other_process_has_its_turn(
    job_context: JobContext, say: Callable[[str], str], site: WebSite
) -> None:
    say(site.url("/a"))
    render_messages()
    with job_context.link_outbox.lock() as has_lock:
        assert has_lock
        assert fetch_links() == 0
    assert fetch_links() == 1


def test_slow_leave_their_seats(
    job_context: JobContext,
    say: Callable[[str], str],
    site: WebSite,
    make_site: Callable[[], WebSite],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(links, "MAX_SEATED", 2)
    say(" ".join(site.url(f"/hang/{number}") for number in range(3)) + " " + site.url("/quick"))
    render_messages()
    job = threading.Thread(target=fetch_in(job_context))
    job.start()
    wait_until(lambda: "/quick" in site.paths, EARLY_SECONDS)  # Before those that hang give up.
    site.closing.set()
    job.join()


def test_flood_of_hanging_links_is_hurried(
    job_context: JobContext,
    say: Callable[[str], str],
    site: WebSite,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All places are taken by links that hang: those that came late give way."""
    monkeypatch.setattr(links, "MAX_FETCHES", 3)
    monkeypatch.setattr(links, "MAX_PATIENT", 2)
    monkeypatch.setattr(links, "HURRIED", Patience(answer_seconds=0.5, seconds=1.0))
    # The quick one is hurried, too: where that is too little for us, it is tried again.
    monkeypatch.setattr(link_outbox, "RETRY_SECONDS", (0,) * 9)
    say(" ".join(site.url(f"/hang/{number}") for number in range(3)) + " " + site.url("/quick"))
    render_messages()
    job = threading.Thread(target=fetch_in(job_context))
    job.start()
    wait_until(lambda: "/quick" in site.paths, EARLY_SECONDS)  # Before the patient ones give up.
    site.closing.set()
    job.join()


def fetch_in(job_context: JobContext) -> Callable[[], None]:
    def fetch() -> None:
        current_context.set(job_context)
        fetch_links()

    return fetch


def test_no_link_is_fetched_while_many_results_wait(
    job_context: JobContext,
    say: Callable[[str], str],
    site: WebSite,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Results that cannot be stored as fast as they come do not fill the memory."""
    monkeypatch.setattr(links, "MAX_UNSTORED", 2)
    for first in (0, 5):
        say(" ".join(site.url(f"/{number}") for number in range(first, first + 5)))
    render_messages()
    store = link_outbox.LinkOutbox.store
    waiting: list[int] = []

    def refuse_at_first(*arguments: Any) -> bool:
        waiting.append(len(arguments[1]))
        if len(waiting) < 20:
            raise DatabaseBusyError("the database is locked")
        return store(*arguments)

    monkeypatch.setattr(link_outbox.LinkOutbox, "store", refuse_at_first)
    monkeypatch.setattr(links, "MAX_STORED", 100)
    assert fetch_links() == 10
    # Those that were in flight follow.
    assert max(waiting) < 2 + MAX_AT_SITE


@pytest.mark.parametrize(
    ("seconds", "least", "shortest"),
    [(0.0, 0.9, 0.9), (0.2, 0.0, 0.6), (10.0, 0.0, links.MAX_PAUSE_SECONDS)],
)
def test_others_have_the_database_for_longer_but_not_for_ever(
    job_context: JobContext,
    say: Callable[[str], str],
    site: WebSite,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    least: float,
    shortest: float,
) -> None:
    monkeypatch.setattr(links, "MIN_PAUSE_SECONDS", least)
    store, store_results = links.Round._store, link_outbox.LinkOutbox.store
    pauses: list[float] = []
    passed = looked_at = 0.0

    def look() -> float:
        nonlocal looked_at
        looked_at = time.monotonic() + passed
        return looked_at

    def store_late(*arguments: Any) -> bool:
        nonlocal passed
        passed += seconds
        return store_results(*arguments)

    def note_pause(self: links.Round, *, is_open: bool) -> int:
        count = store(self, is_open=is_open)
        if count:
            # The clock was last looked at when the results were stored.
            pauses.append(self._store_again_at - looked_at)
        return count

    monkeypatch.setattr(links, "time", SimpleNamespace(monotonic=look))
    monkeypatch.setattr(link_outbox.LinkOutbox, "store", store_late)
    monkeypatch.setattr(links.Round, "_store", note_pause)
    say(site.url("/a"))
    render_messages()
    assert fetch_links() == 1
    assert shortest - 0.001 <= min(pauses)
    assert max(pauses) <= links.MAX_PAUSE_SECONDS + 0.001


def test_new_links_join_the_round(
    job_context: JobContext, client: Client, say: Callable[[str], str], site: WebSite
) -> None:
    say(site.url("/hang"))
    render_messages()
    job = threading.Thread(target=fetch_in(job_context))
    job.start()
    path = say(site.url("/later"))
    render_messages()
    wait_until(lambda: previews(client, path), EARLY_SECONDS)  # Before the one that hangs gives up.
    assert job.is_alive()
    site.closing.set()
    job.join()


def test_long_flood_goes_on_in_the_next_job(
    job_context: JobContext,
    say: Callable[[str], str],
    site: WebSite,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """RQ would end a job that takes too long, and the worker with it."""
    say(site.url("/a"))
    render_messages()
    redis.delete("rq:queue:ngw2f:links")
    monkeypatch.setattr(links, "MAX_ROUND_SECONDS", -1.0)
    monkeypatch.setattr(links, "MAX_SECONDS", -1.0)
    give_up = threading.Timer(EARLY_SECONDS, job_context.stopping.set)
    give_up.start()
    assert fetch_links() == 0
    give_up.cancel()
    assert not job_context.stopping.is_set()
    assert redis.llen("rq:queue:ngw2f:links") == 1


def test_told_to_stop_leaves_the_rest(
    job_context: JobContext, say: Callable[[str], str], site: WebSite
) -> None:
    say(f"{site.url('/hang')} {site.url('/other')}")
    render_messages()
    job = threading.Thread(target=fetch_in(job_context))
    job.start()
    wait_until(lambda: "/hang" in site.paths)
    job_context.stopping.set()
    job.join(EARLY_SECONDS)  # The links that hang would take longer.
    assert not job.is_alive()
    assert job_context.link_outbox.has_due()


def test_message_is_shown_when_its_link_breaks_us(
    job_context: JobContext,
    client: Client,
    say: Callable[[str], str],
    site: WebSite,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def stumble(*_arguments: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr("ngw2f.links.visit.make_preview", stumble)
    path = say(site.url("/a"))
    render_messages()
    assert fetch_links() == 1
    assert client.get(path).json["rendered"]
    assert "making a preview failed" in caplog.text
