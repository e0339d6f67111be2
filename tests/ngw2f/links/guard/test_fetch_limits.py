"""The real limits: 10 s, and the memory of a process that fetches 32 floods at once."""

import gzip
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from ngw2f.links.guard.body import SMALL_BYTES
from ngw2f.links.guard.errors import LinkFailed
from ngw2f.links.guard.fetch import Fetcher, Terms
from ngw2f.links.guard.media import LINKS, MEGABYTE
from tests.ngw2f.links.guard.test_fetch_hostile import drip, flood, wait_after
from tests.ngw2f.links.lab import HTML, Internet, Site, answer

FETCH_ALL_AT_ONCE = """
import os, sys, threading, time
from ngw2f.links.guard.errors import LinkFailed
from ngw2f.links.guard.fetch import Fetcher
from ngw2f.links.guard.media import LINKS
from ngw2f.links.guard.policy import Policy

ports = [int(port) for port in sys.argv[1:]]
fetcher = Fetcher(Policy(allow=frozenset(("127.0.0.1", port) for port in ports)))
kept = []

def memory():  # Not ru_maxrss: across an exec, Linux keeps in it what the parent had.
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")

def fetch(port):
    try:
        kept.append(fetcher.fetch(f"http://127.0.0.1:{port}/", LINKS))
    except LinkFailed as error:
        kept.append(error.kind)

threads = [threading.Thread(target=fetch, args=(port,)) for port in ports * (32 // len(ports))]
before = most = memory()
for thread in threads: thread.start()
while any(thread.is_alive() for thread in threads):
    most = max(most, memory())
    time.sleep(0.005)
print(len(kept), before, most)
"""


def greedy_sites() -> list[Callable[[socket.socket], None]]:
    bomb = gzip.compress(bytes(50_000_000))
    return [
        flood(answer(), b"x" * 65536),
        flood(answer(bomb, "Content-Encoding: gzip"), bomb),
        flood(b"HTTP/1.1 200 OK\r\n", b"X: " + b"x" * 60_000 + b"\r\n"),
        flood(b"HTTP/1.1 100 Continue\r\n", b"X: x\r\n" * 10_000),
    ]


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux says how much it is")
def test_memory_of_32_floods_is_bounded() -> None:
    with ExitStack() as stack:
        sites = [stack.enter_context(closing(Site(handler))) for handler in greedy_sites()]
        ports = [str(site.port) for site in sites]
        done = subprocess.run(
            [sys.executable, "-c", FETCH_ALL_AT_ONCE, *ports],
            capture_output=True,
            check=True,
            text=True,
            timeout=60,
        )
    count, before, most = map(int, done.stdout.split())
    assert count == 32
    assert most - before < 64 * MEGABYTE  # 8 pages of 1 MiB are kept, the rest is in passing.
    assert most < 128 * MEGABYTE


@pytest.mark.slow
def test_a_byte_a_second_ends_in_ten_seconds(
    internet: Internet, make_fetcher: Callable[..., Fetcher]
) -> None:
    internet.site("a.example.com", drip(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 99, 1.0), at="8.8.0.1")
    internet.site("b.example.com", drip(answer(b"x" * 99), 0.25), at="8.8.0.2")
    internet.site("c.example.com", wait_after(answer(b"x")), at="8.8.0.3")
    fetcher = make_fetcher(timeout_seconds=10)

    def fetch(name: str) -> tuple[str, float]:
        start = time.monotonic()
        with pytest.raises(LinkFailed) as caught:
            fetcher.fetch(f"http://{name}.example.com/", LINKS)
        return caught.value.kind, time.monotonic() - start

    with ThreadPoolExecutor() as pool:
        for kind, seconds in pool.map(fetch, "abc"):
            assert kind == "timeout"
            assert 9.9 < seconds < 30  # A busy machine may add something.


def test_answer_has_a_time_of_its_own(
    internet: Internet, make_fetcher: Callable[..., Fetcher]
) -> None:
    internet.site("silent.example.com", wait_after(b""), at="8.8.0.1")
    internet.site("slow.example.com", answer(), at="8.8.0.2")
    with pytest.raises(LinkFailed) as caught:
        make_fetcher().fetch("http://silent.example.com/", LINKS, terms=Terms(answer_seconds=0.1))
    assert caught.value.reason == "the site took longer than 0.1 s in all"
    now = 0.0

    def dawdle(check: str, _found: str) -> None:
        nonlocal now
        if check == "type":
            now += 6

    fetcher = make_fetcher(timeout_seconds=8, clock=lambda: now)
    terms = Terms(answer_seconds=5)
    assert fetcher.fetch("http://slow.example.com/", LINKS, dawdle, terms).body == HTML


def test_body_without_room_is_cut(internet: Internet, fetcher: Fetcher) -> None:
    asked: list[str] = []

    def has_room(media_type: str) -> bool:
        asked.append(media_type)
        return False

    internet.site("page.example.com", answer(b"x" * 100_000), at="8.8.0.1")
    internet.site("small.example.com", answer(b"x" * SMALL_BYTES), at="8.8.0.2")
    internet.site("picture.example.com", answer(bytes(100_000), media="image/png"), at="8.8.0.3")
    terms = Terms(has_room=has_room)
    page = fetcher.fetch("http://page.example.com/", LINKS, terms=terms)
    assert (len(page.body), page.is_cut) == (SMALL_BYTES, True)
    assert not fetcher.fetch("http://small.example.com/", LINKS, terms=terms).is_cut
    with pytest.raises(LinkFailed, match="there was no room for the whole body"):
        fetcher.fetch("http://picture.example.com/", LINKS, terms=terms)
    assert asked == ["text/html", "image/png"]
