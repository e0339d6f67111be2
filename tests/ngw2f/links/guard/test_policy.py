from ipaddress import ip_address, ip_network

import pytest

from ngw2f.links.guard.errors import LinkRefused
from ngw2f.links.guard.policy import Policy, parse_allow_list
from ngw2f.links.guard.target import parse_target

INTERNAL = Policy(allow=parse_allow_list(["wiki.corp:8080", "127.0.0.1:9000", "[::1]:9000"]))


@pytest.mark.parametrize("port", [1, 22, 25, 6379, 8080, 65535])
def test_other_ports_are_refused(port: int) -> None:
    with pytest.raises(LinkRefused, match=f"port {port} "):
        Policy().check_port(parse_target(f"http://example.com:{port}/"))


def test_ports_are_a_setting() -> None:
    Policy(ports=frozenset({8080})).check_port(parse_target("http://example.com:8080/"))
    with pytest.raises(LinkRefused):
        Policy(ports=frozenset({8080})).check_port(parse_target("http://example.com/"))


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("port", [80, 443])
def test_web_ports_pass_for_both_schemes(scheme: str, port: int) -> None:
    Policy().check_port(parse_target(f"{scheme}://example.com:{port}/"))


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "printer.local",
        "metadata.google.internal",
        "router.home.arpa",
        "x.onion",
        "x.alt",
        "redis",
        "a.test",
        "a.invalid",
        "ｌｏｃａｌｈｏｓｔ",
        "com",
    ],
)
def test_name_without_public_dns_is_refused(name: str) -> None:
    with pytest.raises(LinkRefused) as caught:
        Policy().check_name(parse_target(f"http://{name}/"))
    assert caught.value.kind == "name"


@pytest.mark.parametrize(
    "name", ["example.com", "notlocal.com", "local.com", "homearpa.net", "a.arpa"]
)
def test_public_name_passes(name: str) -> None:
    Policy().check_name(parse_target(f"http://{name}/"))


def test_allowed_host_passes_every_check() -> None:
    target = parse_target("http://WIKI.corp.:8080/page")
    INTERNAL.check_port(target)
    INTERNAL.check_name(target)
    INTERNAL.check_address(target, ip_address("10.1.2.3"))


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/", "http://[0:0::1]:9000/"])
def test_allowed_address_passes_as_written(url: str) -> None:
    target = parse_target(url)
    assert target.address is not None
    INTERNAL.check_address(target, target.address)


@pytest.mark.parametrize(
    "url", ["http://wiki.corp/", "http://a.wiki.corp:8080/", "http://wiki.corp.evil.com:8080/"]
)
def test_exception_is_for_that_host_and_port_only(url: str) -> None:
    with pytest.raises(LinkRefused):
        INTERNAL.check_address(parse_target(url), ip_address("10.1.2.3"))


def test_name_resolving_to_allowed_address_is_refused() -> None:
    with pytest.raises(LinkRefused, match="loopback"):
        INTERNAL.check_address(parse_target("http://example.com:9000/"), ip_address("127.0.0.1"))


def test_denied_network_is_refused() -> None:
    policy = Policy(deny=(ip_network("93.184.0.0/16"), ip_network("2a00:1450:64::/96")))
    target = parse_target("http://example.com/")
    for text in ("93.184.216.34", "2a00:1450:64::a00:1"):
        with pytest.raises(LinkRefused, match="operator"):
            policy.check_address(target, ip_address(text))
    policy.check_address(target, ip_address("8.8.8.8"))


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "wiki.corp",
        "wiki.corp:",
        "wiki.corp:x",
        "wiki.corp:0",
        "wiki.corp:8080/",
        "a b:80",
        "*:80",
        "http://wiki.corp:80",
        "wiki.corp:80/x",
        "user@wiki.corp:80",
        "::1",
        "127.1:80",
        "a:80#b:80",
    ],
)
def test_bad_allow_list_entry_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="host:port"):
        parse_allow_list(["good.corp:80", entry])
