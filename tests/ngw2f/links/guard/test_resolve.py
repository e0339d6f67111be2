import socket
import threading
import time
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from ngw2f.links.guard.errors import LinkFailed
from ngw2f.links.guard.resolve import SystemResolver
from tests.waiting import wait_until

PLENTY_SECONDS = 60


@pytest.fixture
def asked() -> list[object]:
    """The names that the system's resolver was asked for."""
    return []


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch, asked: list[object]) -> Iterator[threading.Event]:
    """A system whose DNS does not answer until the event is set."""
    event = threading.Event()

    def getaddrinfo(name: object, *args: object, **options: object) -> list[object]:
        asked.append(name)
        event.wait(PLENTY_SECONDS)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield event
    event.set()


def test_address_resolves_to_itself() -> None:
    assert SystemResolver()("127.0.0.1", PLENTY_SECONDS) == [ip_address("127.0.0.1")]


def test_local_name_resolves_once_each() -> None:
    found = SystemResolver()("localhost", PLENTY_SECONDS)
    assert ip_address("127.0.0.1") in found
    assert len(found) == len(set(found))


def test_scope_is_kept_for_the_judgement(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1%2", 0, 0, 2))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: answer)
    assert SystemResolver()("example.com.", PLENTY_SECONDS) == [ip_address("fe80::1%2")]


def test_unknown_name_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*args: object, **options: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(LinkFailed, match="not known") as caught:
        SystemResolver()("example.com.", PLENTY_SECONDS)
    assert caught.value.kind == "dns"


def test_slow_dns_is_left_in_time(stuck: threading.Event) -> None:
    start = time.monotonic()
    with pytest.raises(LinkFailed) as caught:
        SystemResolver()("example.com.", 0.1)
    assert caught.value.kind == "timeout"
    assert time.monotonic() - start < 30


def test_threads_left_behind_are_bounded(stuck: threading.Event, asked: list[object]) -> None:
    resolver = SystemResolver(slots=2)
    kinds = []
    for _ in range(5):
        with pytest.raises(LinkFailed) as caught:
            resolver("example.com.", 0.02)
        kinds.append(caught.value.kind)
    assert kinds == ["timeout", "timeout", "dns", "dns", "dns"]
    wait_until(lambda: asked == [b"example.com."] * 2)


def test_names_that_hang_hold_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def getaddrinfo(name: bytes, *args: object, **options: object) -> list[object]:
        if name.startswith(b"hang"):
            over.wait(2 * PLENTY_SECONDS)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    resolver = SystemResolver()
    for _ in range(300):
        with pytest.raises(LinkFailed):
            resolver("hang.example.com.", 0.0001)
    assert resolver("example.com.", PLENTY_SECONDS) == [ip_address("8.8.8.8")]
    over.set()


def test_slot_comes_back(stuck: threading.Event) -> None:
    resolver = SystemResolver(slots=1)
    with pytest.raises(LinkFailed):
        resolver("example.com.", 0.02)
    stuck.set()
    with pytest.raises(LinkFailed, match="Temporary failure"):
        resolver("example.com.", PLENTY_SECONDS)


def test_no_thread_to_be_had_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    resolver = SystemResolver(slots=1)
    monkeypatch.setattr(threading.Thread, "start", start)
    for _ in range(2):
        with pytest.raises(LinkFailed, match="no thread"):
            resolver("example.com.", 0.02)
