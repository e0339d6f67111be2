import gzip
import socket
import threading
import time
from collections.abc import Callable

import pytest

from ngw2f.links.guard.errors import LinkFailed, LinkRefused
from ngw2f.links.guard.fetch import Fetched, Fetcher
from ngw2f.links.guard.media import IMAGES, LINKS, PAGES
from ngw2f.links.guard.policy import Policy, parse_allow_list
from tests.ngw2f.links.lab import HTML, Internet, answer, chunked, read_request, redirect_to

URL = "http://example.com/"


def failure_of(fetcher: Fetcher, url: str = URL, accepted: object = PAGES) -> LinkFailed:
    with pytest.raises(LinkFailed) as caught:
        fetcher.fetch(url, accepted)  # type: ignore[arg-type]
    return caught.value


def refusal_of(fetcher: Fetcher, url: str) -> LinkRefused:
    with pytest.raises(LinkRefused) as caught:
        fetcher.fetch(url, PAGES)
    return caught.value


def test_page_is_fetched(internet: Internet, fetcher: Fetcher) -> None:
    body = answer(HTML, "Cache-Control: max-age=3600", media='Text/HTML; Charset="UTF-8"')
    internet.site("example.com", body)
    fetched = fetcher.fetch(URL, PAGES)
    assert fetched == Fetched(URL, "text/html", "utf-8", HTML, is_cut=False, lifetime_seconds=3600)
    assert internet.lookups == ["example.com."]
    assert internet.dials == [("93.184.216.34", 80)]


def test_request_says_who_asks_and_nothing_else(internet: Internet, fetcher: Fetcher) -> None:
    site = internet.site("example.com", answer(HTML, "Set-Cookie: a=b"))
    for _ in range(2):
        fetcher.fetch("http://example.com/a?b=c#d", PAGES)
    assert site.requests[0] == site.requests[1]
    assert site.requests[0].decode().split("\r\n") == [
        "GET /a?b=c HTTP/1.1",
        "Host: example.com",
        "User-Agent: NGW2F link preview (one request a link that somebody posted)",
        "Accept: text/html, application/xhtml+xml",
        "Accept-Encoding: gzip",
        "Connection: close",
        "",
        "",
    ]


def test_host_has_brackets_and_other_port(
    internet: Internet, make_fetcher: Callable[..., Fetcher]
) -> None:
    site = internet.site("", answer(), at="2001:4860:4860::8888", port=443)
    make_fetcher().fetch("http://[2001:4860:4860::8888]:443/", PAGES)
    assert b"\r\nHost: [2001:4860:4860::8888]:443\r\n" in site.requests[0]


def test_environment_is_ignored(
    internet: Internet, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    internet.site("example.com", answer())
    fetcher.fetch(URL, PAGES)
    assert internet.dials == [("93.184.216.34", 80)]


# Where a link may lead.


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fe80::1"])
@pytest.mark.parametrize("position", ["only", "first", "last"])
def test_any_private_address_refuses_the_name(
    internet: Internet, fetcher: Fetcher, address: str, position: str
) -> None:
    answers = {"only": "{}", "first": "{} 8.8.8.8", "last": "8.8.8.8 2001:4860:4860::8888 {}"}
    internet.name("example.com", answers[position].format(address))
    assert refusal_of(fetcher, URL).kind == "address"
    assert internet.dials == []


def test_second_answer_of_dns_is_never_asked_for(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("example.com", answer())
    internet.name("example.com", "93.184.216.34", "127.0.0.1")
    fetcher.fetch(URL, PAGES)
    assert internet.lookups == ["example.com."]
    assert refusal_of(fetcher, URL).kind == "address"
    assert internet.dials == [("93.184.216.34", 80)]


def test_rebinding_between_redirects_is_refused(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("example.com", answer(b"", "Location: /again", status="302 Found"))
    internet.name("example.com", "93.184.216.34", "10.0.0.1")
    assert refusal_of(fetcher, URL).kind == "address"
    assert internet.dials == [("93.184.216.34", 80)]


PRIVATE_PLACES = [
    "http://127.0.0.1/",
    "http://127.0.0.1:6379/",
    "http://localhost/",
    "http://0/",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://169.254.169.254/latest/meta-data/",
    "http://metadata.google.internal/",
    "http://2130706433/",
    "http://127.1/",
    "http://0x7f.1/",
    "http://１２７.0.0.1/",
    "//127.0.0.1/",
    "//10.0.0.1:80",
    "http://user@93.184.216.34/",
    "http://93.184.216.34:22/",
    "http://private.example.net/",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_",
    "/\\127.0.0.1/",
    "\\\\127.0.0.1\\",
    "http:\\\\127.0.0.1",
]


@pytest.mark.parametrize("place", PRIVATE_PLACES)
def test_private_link_is_never_connected_to(
    internet: Internet, fetcher: Fetcher, place: str
) -> None:
    internet.name("private.example.net", "192.168.1.1")
    refusal_of(fetcher, place)
    assert internet.dials == []


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 T", "308 P"])
@pytest.mark.parametrize("place", PRIVATE_PLACES)
def test_redirect_to_private_place_is_refused(
    internet: Internet, fetcher: Fetcher, place: str, status: str
) -> None:
    site = answer(b"", f"Location: {place}".encode().decode("latin-1"), status=status)
    internet.site("example.com", site)
    internet.name("private.example.net", "8.8.8.8 192.168.1.1")
    refusal_of(fetcher, URL)
    assert internet.dials == [("93.184.216.34", 80)]


def test_allowed_host_is_fetched(internet: Internet, make_fetcher: Callable[..., Fetcher]) -> None:
    internet.site("wiki", answer(), at="10.0.0.7", port=8080)
    policy = Policy(allow=parse_allow_list(["wiki:8080"]))
    fetcher = Fetcher(policy, resolve=internet.resolve, connect=internet.connect)
    assert fetcher.fetch("http://wiki:8080/", PAGES).body == HTML
    assert internet.lookups == ["wiki"]
    assert refusal_of(fetcher, "http://wiki/").kind == "name"


# Redirects.


def test_redirects_are_followed(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("a.example.com", redirect_to("//b.example.com/x/y?z"), at="8.8.4.1")
    internet.site("b.example.com", redirect_to("../up"), at="8.8.4.2")
    count = 0

    def handle(connection: socket.socket) -> None:
        nonlocal count
        count += 1
        read_request(connection)
        connection.sendall(redirect_to("?second") if count == 1 else answer())

    internet.site("b.example.com", handle, at="8.8.4.2")
    fetched = fetcher.fetch("http://a.example.com/", PAGES)
    assert fetched.url == "http://b.example.com/x/y?second"


def test_endless_redirects_end(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("example.com", redirect_to("/again"))
    assert failure_of(fetcher).kind == "redirects"
    assert len(internet.dials) == 6


def test_five_redirects_are_followed(internet: Internet, fetcher: Fetcher) -> None:
    left = iter(range(5, 0, -1))

    def handle(connection: socket.socket) -> None:
        read_request(connection)
        number = next(left, None)
        connection.sendall(redirect_to(f"/{number}") if number else answer())

    internet.site("example.com", handle)
    assert fetcher.fetch(URL, PAGES).url == "http://example.com/1"


def test_location_that_is_not_utf8_is_asked_for_as_it_is(
    internet: Internet, fetcher: Fetcher
) -> None:
    sent = iter([redirect_to("/\xfc\xc3\xbc"), answer()])

    def handle(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(next(sent))

    internet.site("example.com", handle)
    assert fetcher.fetch(URL, PAGES).url == "http://example.com/%FC%C3%BC"


@pytest.mark.parametrize(
    "location",
    [
        *("/my page", " /my page", "/my page ", "/my%20page \t", "http://example.com/my page "),
        *("/my\t page", "/my page\r\nLocation: /my page \r\nLocation:\t/my page"),
    ],
)
def test_blanks_in_a_location_are_no_fault(
    internet: Internet, fetcher: Fetcher, location: str
) -> None:
    sent = iter([redirect_to(location), answer()])

    def handle(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(next(sent))

    internet.site("example.com", handle)
    assert fetcher.fetch(URL, PAGES).url == "http://example.com/my%20page"


def test_location_named_twice_alike_is_one(internet: Internet, fetcher: Fetcher) -> None:
    twice = answer(b"", "Location: /a", "Location: /a", status="301 Moved")
    sent = iter([twice, answer()])

    def handle(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(next(sent))

    internet.site("example.com", handle)
    assert fetcher.fetch(URL, PAGES).url == "http://example.com/a"


@pytest.mark.parametrize("headers", [(), ("Location: /a", "Location: /b")], ids=["none", "two"])
def test_redirect_names_one_place(
    internet: Internet, fetcher: Fetcher, headers: tuple[str, ...]
) -> None:
    internet.site("example.com", answer(b"", *headers, status="301 Moved"))
    assert failure_of(fetcher).kind == "redirects"
    assert len(internet.dials) == 1


def test_location_beyond_ascii_is_utf8(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("example.com", redirect_to("http://b.example.com/\u00c3\u00bc"))
    internet.site("b.example.com", answer(), at="8.8.4.2")
    assert fetcher.fetch(URL, PAGES).url == "http://b.example.com/%C3%BC"


# Answers.


@pytest.mark.parametrize(
    "status", ["204 No", "206 Partial", "300 M", "304 N", "404 N", "500 E", "999 X"]
)
def test_other_status_fails(internet: Internet, fetcher: Fetcher, status: str) -> None:
    internet.site("example.com", answer(status=status))
    failure = failure_of(fetcher)
    assert (failure.kind, failure.status) == ("status", int(status[:3]))


@pytest.mark.parametrize("status", ["100 Continue", "102 Processing", "103 Early Hints", "199 X"])
def test_interim_answer_is_passed_over(internet: Internet, fetcher: Fetcher, status: str) -> None:
    interim = answer(b"", "Link: </style.css>; rel=preload", status=status, media=None)
    internet.site("example.com", interim * 2 + answer())
    assert fetcher.fetch(URL, PAGES).body == HTML


def test_other_protocol_is_not_spoken(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("example.com", answer(status="101 Switching Protocols"))
    assert failure_of(fetcher).kind == "status"


@pytest.mark.parametrize(
    "media",
    [
        "text/plain",
        "application/json",
        "application/pdf",
        "text/html2",
        "image/png",
        "image/svg+xml",
        "multipart/x-mixed-replace",
        "text/html, image/png",
        "video/mp4",
    ],
)
def test_other_type_is_not_read(internet: Internet, fetcher: Fetcher, media: str | None) -> None:
    internet.site("example.com", answer(media=media))
    assert failure_of(fetcher).kind == "type"


def test_last_of_two_types_counts(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("example.com", answer(HTML, "Content-Type: text/plain"))
    assert fetcher.fetch(URL, PAGES).media_type == "text/html"


def test_accepted_types_are_the_callers(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("example.com", answer(b"GIF89a", media="image/gif"))
    assert fetcher.fetch(URL, IMAGES).media_type == "image/gif"
    assert fetcher.fetch(URL, LINKS).media_type == "image/gif"


def test_long_page_is_cut(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("example.com", answer(b"x" * 1_200_000))
    fetched = fetcher.fetch(URL, PAGES)
    assert fetched.is_cut
    assert len(fetched.body) == 1024 * 1024


def test_page_of_just_the_limit_is_whole(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("example.com", answer(b"x" * 1024 * 1024))
    fetched = fetcher.fetch(URL, PAGES)
    assert not fetched.is_cut
    assert len(fetched.body) == 1024 * 1024


@pytest.mark.parametrize("headers", [(), ("Content-Length: 6000000",)], ids=["unsaid", "said"])
def test_long_image_is_refused(
    internet: Internet, fetcher: Fetcher, headers: tuple[str, ...]
) -> None:
    body = b"" if headers else b"x" * 6_000_000
    internet.site("example.com", answer(body, *headers, media="image/png"))
    assert failure_of(fetcher, accepted=IMAGES).kind == "size"


def test_gzip_is_undone(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("example.com", answer(gzip.compress(HTML), "Content-Encoding: gzip"))
    assert fetcher.fetch(URL, PAGES).body == HTML


def test_chunks_are_joined(internet: Internet, fetcher: Fetcher) -> None:
    body = chunked(b"<p>", b"x" * 100_000, b"</p>") + b"0\r\nX-Trailer: a\r\n\r\n"
    internet.site("example.com", answer(body, "Transfer-Encoding: chunked"))
    assert fetcher.fetch(URL, PAGES).body == b"<p>" + b"x" * 100_000 + b"</p>"


@pytest.mark.parametrize(
    "coding",
    ["br", "zstd", "deflate", "compress", "gzip, gzip", "x-compress", "utf-8, br"],
)
def test_coding_not_asked_for_fails(internet: Internet, fetcher: Fetcher, coding: str) -> None:
    internet.site("example.com", answer(HTML, f"Content-Encoding: {coding}"))
    assert failure_of(fetcher).kind == "encoding"


@pytest.mark.parametrize(
    "coding", ["none", "utf-8", "UTF-8, identity", "text/html", "binary", "8bit", '"', ",", "x"]
)
def test_coding_that_is_none_is_passed_over(
    internet: Internet, fetcher: Fetcher, coding: str
) -> None:
    internet.site("example.com", answer(HTML, f"Content-Encoding: {coding}"))
    assert fetcher.fetch(URL, PAGES).body == HTML


def test_gzip_is_undone_beside_a_word_that_is_none(internet: Internet, fetcher: Fetcher) -> None:
    body = gzip.compress(HTML)
    internet.site("example.com", answer(body, "Content-Encoding: utf-8, X-GZIP, identity"))
    assert fetcher.fetch(URL, PAGES).body == HTML


@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip", "chunked, x-gzip", "Deflate;q=1"])
def test_transfer_coding_not_asked_for_fails(
    internet: Internet, fetcher: Fetcher, coding: str
) -> None:
    internet.site("example.com", answer(chunked(HTML, b""), f"Transfer-Encoding: {coding}"))
    assert failure_of(fetcher).kind in ("encoding", "protocol")


MISPRINTS = {
    "no colon": b"nonsense without a colon",
    "blank before the colon": b"X-Powered-By : somebody",
    "blank in the name": b"X Powered By: somebody",
    "no name": b": nothing",
    "colon only": b":",
    "beyond ascii": "Größe: 1".encode(),
    "controls": b"\x00\x01\x02: x",
    "folded misprint": b"nonsense\r\n  that goes on: here",
    "starts folded": b"  leading blank",
    "mbox": b"From nobody Sat Nov 28",
    "bare cr": b"X: a\rnonsense",
    "status again": b"HTTP/1.1 200 OK",
}


@pytest.mark.parametrize("line", MISPRINTS.values(), ids=MISPRINTS)
@pytest.mark.parametrize("place", ["first", "second"])
def test_wrong_header_line_hides_no_other(
    internet: Internet,
    fetcher: Fetcher,
    caplog: pytest.LogCaptureFixture,
    line: bytes,
    place: str,
) -> None:
    lines = [line, b"X-First: 1"] if place == "first" else [b"X-First: 1", line]
    lines += [b"Content-Type: text/html", b"Content-Length: %d" % len(HTML)]
    head = b"\r\n".join([b"HTTP/1.1 200 OK", *lines, b"", b""])
    internet.site("example.com", head + HTML + b"more than the length says")
    assert fetcher.fetch(URL, PAGES).body == HTML
    assert not [record for record in caplog.records if record.name.startswith("urllib3")]


def test_blank_before_the_colon_is_passed_over(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("example.com", answer(HTML, "Content-Type : text/html", media=None))
    assert fetcher.fetch(URL, PAGES).body == HTML


def test_head_may_have_any_number_of_fields(internet: Internet, fetcher: Fetcher) -> None:
    fields = [f"X-{number}: 1\r\nSet-Cookie: {number}=1" for number in range(1000)]
    internet.site("example.com", answer(HTML, *fields))
    assert fetcher.fetch(URL, PAGES).body == HTML


def test_folded_field_is_one(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("example.com", answer(HTML, "Content-Type:", "\ttext/html", media=None))
    assert fetcher.fetch(URL, PAGES).body == HTML


# Addresses that do not answer.


def test_second_address_is_tried(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("example.com", answer(), at="8.8.4.4")
    internet.name("example.com", "2001:4860:4860::8888 2001:4860:4860::8844 8.8.4.4")
    assert fetcher.fetch(URL, PAGES).body == HTML
    assert internet.dials == [("2001:4860:4860::8888", 80), ("8.8.4.4", 80)]


def test_few_of_many_addresses_are_tried(internet: Internet, fetcher: Fetcher) -> None:
    internet.name("example.com", " ".join(f"8.8.8.{each}" for each in range(200)))
    assert failure_of(fetcher).kind == "connect"
    assert len(internet.dials) == 4


@pytest.mark.parametrize("addresses", ["", None])
def test_name_without_address_fails(
    internet: Internet, fetcher: Fetcher, addresses: str | None
) -> None:
    if addresses is not None:
        internet.name("example.com", addresses)
    assert failure_of(fetcher).kind == "dns"


def test_many_fetches_at_once_keep_apart(internet: Internet, fetcher: Fetcher) -> None:
    def handle(connection: socket.socket) -> None:
        path = read_request(connection).split()[1]
        time.sleep(0.1)
        connection.sendall(answer(path))

    internet.site("example.com", handle)
    # All of these sites are one server, and each has a place for every fetch.
    for number in range(32):
        internet.name(f"{number}.example.com", "93.184.216.34")
    bodies: dict[int, bytes] = {}

    def fetch(number: int) -> None:
        bodies[number] = fetcher.fetch(f"http://{number}.example.com/{number}", PAGES).body

    threads = [threading.Thread(target=fetch, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies == {number: f"/{number}".encode() for number in range(32)}


class Crowded:
    """A site that notes how many are there at once."""

    def __init__(self) -> None:
        self.most = 0
        self._now = 0
        self._lock = threading.Lock()

    def __call__(self, connection: socket.socket) -> None:
        read_request(connection)
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        time.sleep(0.05)
        with self._lock:
            self._now -= 1
        connection.sendall(answer())


def test_redirects_do_not_crowd_a_site(internet: Internet, fetcher: Fetcher) -> None:
    crowded = Crowded()
    internet.site("victim.example.net", crowded, at="8.8.4.4")
    for number in range(20):
        name, address = f"{number}.example.com", f"8.8.8.{number}"
        internet.site(name, redirect_to("http://victim.example.net/"), at=address)
    urls: list[str] = []

    def fetch(number: int) -> None:
        urls.append(fetcher.fetch(f"http://{number}.example.com/", PAGES).url)

    threads = [threading.Thread(target=fetch, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert urls == ["http://victim.example.net/"] * 20
    assert crowded.most <= 4
