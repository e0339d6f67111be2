from collections.abc import Callable

import pytest

from ngw2f.commands.explain import explain_link
from ngw2f.links.guard.fetch import Fetcher
from tests.ngw2f.links.lab import Internet, answer, redirect_to


def test_each_check_is_told_in_order(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("a.example.com", redirect_to("http://b.example.com/x"), at="8.8.4.1")
    internet.site("b.example.com", answer(), at="8.8.4.2")
    good, lines = explain_link(fetcher, "http://A.example.com")
    assert good
    assert lines == [
        "ok      link      http://a.example.com/",
        "ok      port      80",
        "ok      name      a.example.com",
        "ok      address   8.8.4.1",
        "ok      connect   8.8.4.1 port 80",
        "ok      status    302",
        "ok      redirect  http://b.example.com/x",
        "ok      link      http://b.example.com/x",
        "ok      port      80",
        "ok      name      b.example.com",
        "ok      address   8.8.4.2",
        "ok      connect   8.8.4.2 port 80",
        "ok      status    200",
        "ok      type      text/html",
        "ok      body      36 bytes",
        "        title     A page",
        "        about",
        "        site      b.example.com",
        "        image",
        "        kept      86400 s",
    ]


@pytest.mark.parametrize(
    ("url", "last"),
    [
        ("ftp://example.com", "refused scheme    only http and https links are fetched"),
        ("http://u@example.com", "refused userinfo  the link holds a user name or a password"),
        ("http://127.0.0.1/", "refused address   127.0.0.1 is not public: loopback (RFC 1122"),
        ("http://example.com:22/", "refused port      port 22 is not allowed"),
        ("http://redis/", "refused name      redis has no domain"),
        ("http://private.example.com/", "refused address   10.0.0.1 is not public: private use"),
        ("http://nowhere.example.com/", "failed  dns       the name does not resolve"),
        ("http://example.com/\x1b[2J", "refused syntax    the link holds the character U+001B"),
    ],
)
def test_last_line_says_why(internet: Internet, fetcher: Fetcher, url: str, last: str) -> None:
    internet.name("private.example.com", "8.8.8.8 10.0.0.1")
    good, lines = explain_link(fetcher, url)
    assert not good
    assert lines[-1].startswith(last)
    assert all(line.isprintable() for line in lines)


def test_refused_redirect_keeps_what_came_before(internet: Internet, fetcher: Fetcher) -> None:
    internet.site("example.com", redirect_to("http://127.0.0.1:6379/"))
    good, lines = explain_link(fetcher, "http://example.com/")
    assert not good
    assert lines[-2:] == [
        "ok      link      http://127.0.0.1:6379/",
        "refused port      port 6379 is not allowed for links",
    ]


def test_provider_is_named(internet: Internet, make_fetcher: Callable[..., Fetcher]) -> None:
    internet.site("vimeo.com", answer(), at="8.8.4.1")
    _, lines = explain_link(make_fetcher(), "http://vimeo.com/1")
    assert any("oembed    https://vimeo.com/api/oembed.json?url=" in line for line in lines)
