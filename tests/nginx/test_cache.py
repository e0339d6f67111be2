"""Answers are kept for as long as the application says, and what is personal never is."""

import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, closing

import pytest

from tests.nginx.recorder import Headers, Recorder
from tests.nginx.running import Client
from tests.waiting import is_ever, wait_until

# nginx's own limit, for those that wait for an answer to be kept, is 5 s.
SOON_SECONDS = 4


def ask_twice(
    client: Client,
    recorders: list[Recorder],
    target: str,
    answer_headers: Headers,
    headers: Mapping[str, str] | None = None,
    second: Mapping[str, str] | None = None,
) -> int:
    """Return how often the instances were asked."""
    for recorder in recorders:
        recorder.headers = answer_headers
    client.ask(target, headers=headers)
    client.ask(target, headers=headers if second is None else second)
    return len(recorders[0].requests + recorders[1].requests)


@pytest.mark.parametrize("value", ["max-age=60", "public, max-age=60", "s-maxage=60, max-age=0"])
def test_fresh_answer_is_kept(client: Client, recorders: list[Recorder], value: str) -> None:
    for recorder in recorders:
        recorder.headers = [("Cache-Control", value)]
    target = f"/kept?{len(value)}"
    client.ask(target)
    assert is_ever(lambda: is_kept(client, recorders, target))


def is_kept(client: Client, recorders: list[Recorder], target: str) -> bool:
    """Say whether no instance is asked again: nginx keeps an answer just after it has sent it."""
    before = count(recorders)
    client.ask(target)
    return count(recorders) == before


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("ETag", '"1"')],
        [("Cache-Control", "no-store")],
        [("Cache-Control", "private, max-age=60")],
        [("Cache-Control", "no-cache")],
        [("Cache-Control", "max-age=0")],
        [("Cache-Control", "max-age=60, s-maxage=0")],
        [("Cache-Control", "max-age=60"), ("Set-Cookie", "session=1")],
        [("Cache-Control", "max-age=60"), ("Vary", "*")],
    ],
    ids=str,
)
def test_answer_is_not_kept(client: Client, recorders: list[Recorder], headers: Headers) -> None:
    assert ask_twice(client, recorders, f"/not-kept?{len(str(headers))}", headers) == 2


@pytest.mark.parametrize(
    "headers", [{"Authorization": "Bearer x"}, {"Cookie": "session=x"}], ids=str
)
def test_personal_requests_pass_by(
    client: Client, recorders: list[Recorder], headers: dict[str, str]
) -> None:
    answer = [("Cache-Control", "max-age=60")]
    target = f"/personal?{next(iter(headers))}"
    assert ask_twice(client, recorders, target, answer, headers) == 2
    # What they got was not kept for anybody else.
    client.ask(target)
    assert len(recorders[0].requests + recorders[1].requests) == 3


def test_personal_request_gets_nothing_kept(client: Client, recorders: list[Recorder]) -> None:
    answer, personal = [("Cache-Control", "max-age=60")], {"Authorization": "Bearer x"}
    assert ask_twice(client, recorders, "/kept-before", answer, {}, personal) == 2


@pytest.mark.parametrize("name", ["If-None-Match", "If-Modified-Since"])
def test_conditions_are_the_applications(
    client: Client, recorders: list[Recorder], name: str
) -> None:
    """Whether it may be kept is known too late: nginx would have dropped the condition."""
    client.ask(f"/conditional?{name}", headers={name: '"1"'})
    (request,) = recorders[0].requests + recorders[1].requests
    assert request.values(name) == ['"1"']


def test_fields_of_vary_are_compared(client: Client, recorders: list[Recorder]) -> None:
    answer = [("Cache-Control", "max-age=60"), ("Vary", "Accept")]
    json, html = {"Accept": "application/json"}, {"Accept": "text/html"}
    assert ask_twice(client, recorders, "/vary", answer, json, html) == 2


def test_kept_answer_has_its_own_id(client: Client, recorders: list[Recorder]) -> None:
    for recorder in recorders:
        recorder.headers = [("Cache-Control", "max-age=60"), ("X-Request-ID", "of-the-first")]
    client.ask("/id")
    assert is_ever(lambda: is_kept(client, recorders, "/id"))
    asked = count(recorders)
    ids = [client.ask("/id").headers.get_all("X-Request-ID", []) for _ in range(2)]
    assert [len(each) for each in ids] == [1, 1]
    assert ids[0] != ids[1]
    assert count(recorders) == asked


@pytest.mark.parametrize("path", ["/events", "/api/events", "/socket.io/"])
def test_streams_are_never_kept(client: Client, recorders: list[Recorder], path: str) -> None:
    assert ask_twice(client, recorders, path, [("Cache-Control", "max-age=60")]) == 2


def test_changes_are_never_kept(client: Client, recorders: list[Recorder]) -> None:
    for recorder in recorders:
        recorder.headers = [("Cache-Control", "max-age=60")]
    for _ in range(2):
        client.ask("/changed", "POST", b"x")
    assert len(recorders[0].requests + recorders[1].requests) == 2


def test_nobody_waits_for_an_answer_to_another(client: Client, recorders: list[Recorder]) -> None:
    """It may turn out to be none that is kept: then they would be asked for one by one."""
    # If they had to wait, they would each time.
    assert is_ever(lambda: come_at_once(client, recorders, "/asked-for-at-once"))


def come_at_once(client: Client, recorders: list[Recorder], target: str) -> bool:
    """Say whether four who ask for the same are before an instance while none is answered."""
    hold = threading.Event()
    before = count(recorders)
    for recorder in recorders:
        recorder.hold = hold
    begin = time.monotonic()
    with ExitStack() as stack:
        stack.callback(hold.set)
        for _ in range(4):
            connection = stack.enter_context(closing(client.connect()))
            connection.request("GET", target)
        wait_until(lambda: count(recorders) == before + 4)
    return time.monotonic() - begin < SOON_SECONDS


def count(recorders: list[Recorder]) -> int:
    return sum(len(each.requests) for each in recorders)
