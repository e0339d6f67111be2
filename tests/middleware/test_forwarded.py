from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.forwarded import FIELDS, KEY, ForwardedMiddleware, may_be_forwarded, parse_address
from middleware.rate_limit import client_address
from tests.middleware.contract import Contract
from tests.middleware.serving import answering, serve


class TestContract(Contract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return ForwardedMiddleware(app)


def seen(
    proxies: int, forwarded: str | None, peer: str = "10.0.0.9", **more: str
) -> WSGIEnvironment:
    """Return environ as it is below."""
    kept: list[WSGIEnvironment] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        kept.append(environ)
        return answering()(environ, start_response)

    fields = {"REMOTE_ADDR": peer, **more}
    if forwarded is not None:
        fields["HTTP_X_FORWARDED_FOR"] = forwarded
    serve(ForwardedMiddleware(app, proxies=proxies), environ_overrides=fields)
    return kept[0]


ONE_CLIENT = [
    "192.0.2.7",
    " 192.0.2.7 ",
    "192.0.2.7:1",
    "192.0.2.7:65535",
    "192.0.2.7:",
    "192.0.2.7:_port",
    '"192.0.2.7"',
    '"192.0.2.7:443"',
    "::ffff:192.0.2.7",
    "::FFFF:C000:0207",
    "[::ffff:192.0.2.7]:443",
    '"[::ffff:c000:207]"',
    "1.1.1.1, 192.0.2.7",
    "unknown,192.0.2.7:8",
    ", 192.0.2.7",
    "192.0.2.7,",
    "192.0.2.7, , ",
]
ONE_NETWORK = [
    "2001:db8::1",
    "2001:DB8:0:0::0001",
    "[2001:db8::1]",
    "[2001:db8::2]:443",
    "[2001:db8::3]:_x",
    '"[2001:db8::4]:443"',
    "2001:db8::1%eth0",
    "[2001:db8::1%25eth0]:1",
    "2001:db8::ffff:ffff:ffff:ffff",
]
NO_ADDRESS = ["unknown", "_hidden", "", " ", ",", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4:x"]
NO_ADDRESS += [
    "[1.2.3.4",
    "::1]",
    "[]:1",
    "[::1]x",
    "2001:db8::1::",
    "1.2.3.4 5.6.7.8",
    "\u0661.2.3.4",
]
NO_ADDRESS += [
    "localhost",
    "x" * 5000,
    "1.2.3.4:123456",
    "for=1.2.3.4",
    "%eth0",
    "127.1",
    "0x7f000001",
]


@pytest.mark.parametrize("forwarded", ONE_CLIENT)
def test_one_client_has_one_name(forwarded: str) -> None:
    environ = seen(1, forwarded)
    assert (environ["REMOTE_ADDR"], client_address(environ)) == ("192.0.2.7", "192.0.2.7")
    assert not may_be_forwarded(environ)


@pytest.mark.parametrize("forwarded", ONE_NETWORK)
def test_one_subscriber_has_one_network(forwarded: str) -> None:
    assert client_address(seen(1, forwarded)) == "2001:db8::/64"


@pytest.mark.parametrize("text", ONE_CLIENT[:12])
def test_one_client_has_one_key_without_this(text: str) -> None:
    # As where Werkzeug's ProxyFix alone is in front.
    assert client_address({"REMOTE_ADDR": text}) == "192.0.2.7"


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_what_is_no_address_is_nobody_new(text: str) -> None:
    assert parse_address(text) is None
    assert client_address({"REMOTE_ADDR": text}) == ""
    environ = seen(1, text)
    assert environ["REMOTE_ADDR"] == "10.0.0.9"
    assert may_be_forwarded(environ)


@given(st.text(alphabet=st.sampled_from('0123456789abcdef.:[]%", _'), max_size=50))
def test_any_text_is_read(text: str) -> None:
    address = parse_address(text)
    assert address is None or parse_address(str(address)) == address


def test_each_proxy_adds_one() -> None:
    forwarded = "203.0.113.5, 192.0.2.7:1, 10.0.0.1"
    addresses = [seen(proxies, forwarded)["REMOTE_ADDR"] for proxies in (0, 1, 2, 3, 4)]
    assert addresses == ["10.0.0.9", "10.0.0.1", "192.0.2.7", "203.0.113.5", "10.0.0.9"]


@pytest.mark.parametrize("sent", ['6.6.6.6, "x', '"6.6.6.6', '"', '6.6.6.6, "\\"'])
def test_client_that_sends_a_quote_hides_no_proxy(sent: str) -> None:
    """X-Forwarded-For has no quoted strings: what follows a quote is what proxies appended."""
    addresses = [seen(proxies, f"{sent}, 192.0.2.7, 10.0.0.1") for proxies in (1, 2)]
    assert [each["REMOTE_ADDR"] for each in addresses] == ["10.0.0.1", "192.0.2.7"]


@pytest.mark.parametrize("proxies", [0, 1])
def test_nobody_below_reads_the_fields(proxies: int) -> None:
    environ = seen(proxies, "192.0.2.7", **dict.fromkeys(FIELDS, "192.0.2.7"))
    assert FIELDS.isdisjoint(environ)
    assert environ[KEY] == ("believed" if proxies else "removed")


def test_peer_is_written_in_one_way() -> None:
    assert seen(0, None, "::FFFF:192.0.2.7")["REMOTE_ADDR"] == "192.0.2.7"
    assert seen(0, None, "fe80::1%eth0")["REMOTE_ADDR"] == "fe80::1"
    assert KEY not in seen(0, None, "")


@pytest.mark.parametrize(
    "key",
    [
        "HTTP_VIA",
        "HTTP_X_FORWARDED_ANYTHING",
        "HTTP_FORWARDED_FOR",
        "HTTP_X_PROXYUSER_IP",
        "HTTP_X_ENVOY_EXTERNAL_ADDRESS",
        "HTTP_WL_PROXY_CLIENT_IP",
        "HTTP_CDN_LOOP",
        "HTTP_X_AMZN_TRACE_ID",
        "HTTP_PROXY_CONNECTION",
        "HTTP_X_NEVER_HEARD_OF",
    ],
)
def test_other_signs_of_a_proxy(key: str) -> None:
    assert may_be_forwarded(seen(0, None, **{key: "x"}))
    assert may_be_forwarded(seen(1, None, **{key: "x"}))
    assert not may_be_forwarded(seen(1, "192.0.2.7", **{key: "x"}))
    assert not may_be_forwarded(seen(1, None))


@pytest.mark.parametrize(
    "key",
    ["HTTP_USER_AGENT", "HTTP_SEC_FETCH_SITE", "HTTP_X_PROMETHEUS_SCRAPE_TIMEOUT_SECONDS", "X"],
)
def test_what_clients_say_is_no_sign_of_a_proxy(key: str) -> None:
    assert not may_be_forwarded(seen(0, None, **{key: "x"}))


def test_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="proxies"):
        ForwardedMiddleware(answering(), proxies=-1)
