from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.cache.key import KeyMaker, normalize_escapes, normalize_uri, origin_of

PATHS = st.text(st.sampled_from("ab/%?&=~2fF.;é "), max_size=12)


def environ(path: str = "/", **more: str) -> dict[str, Any]:
    return {
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "a.test",
        "SERVER_NAME": "server",
        "SERVER_PORT": "8000",
        "PATH_INFO": path,
    } | more


def key(path: str = "/", **more: str) -> str | None:
    return KeyMaker().key(environ(path, **more))


def test_key_is_the_uri() -> None:
    assert key("/b", SCRIPT_NAME="/a", QUERY_STRING="c=d") == "http://a.test/a/b?c=d"


def test_hosts_are_apart() -> None:
    assert key(HTTP_HOST="b.test") == "http://b.test/"


@pytest.mark.parametrize("host", ["A.Test", "a.test:80", "a.test:"])
def test_hosts_are_written_in_one_way(host: str) -> None:
    assert key(HTTP_HOST=host) == "http://a.test/"


def test_other_port_is_another_origin() -> None:
    assert key(HTTP_HOST="a.test:8080") == "http://a.test:8080/"


def test_schemes_are_apart() -> None:
    https = environ() | {"wsgi.url_scheme": "https", "HTTP_HOST": "a.test:443"}
    assert KeyMaker().key(https) == "https://a.test/"


def test_without_host_the_server_names_itself() -> None:
    without = environ()
    del without["HTTP_HOST"]
    assert KeyMaker().key(without) == "http://server:8000/"


@pytest.mark.parametrize("host", ["", "a.test/x", "a b", "user@a.test", "a?b", "a#b", "a\\b", "ä"])
def test_what_is_no_host_meets_no_cache(host: str) -> None:
    assert key(HTTP_HOST=host) is None


@pytest.mark.parametrize("name", ["RAW_URI", "REQUEST_URI"])
def test_encoded_slash_is_not_a_slash(name: str) -> None:
    assert key("/a/b", **{name: "/a%2fb"}) == "http://a.test/a%2Fb"
    assert key("/a/b", **{name: "/a/b"}) == "http://a.test/a/b"


def test_encoded_question_mark_is_no_query() -> None:
    assert key("/a?b", RAW_URI="/a%3Fb") == "http://a.test/a%3Fb"
    assert key("/a?b") == "http://a.test/a%3Fb"


def test_query_is_not_part_of_the_written_path() -> None:
    assert key("/a", RAW_URI="/a?b=%2F", QUERY_STRING="b=%2F") == "http://a.test/a?b=%2F"


@pytest.mark.parametrize("written", ["/caf\xc3\xa9|x", "/caf%C3%A9%7Cx", "/caf%c3%A9|x"])
def test_one_path_has_one_key_however_it_is_written(written: str) -> None:
    assert key("/caf\xc3\xa9|x", RAW_URI=written) == "http://a.test/caf%C3%A9%7Cx"


@pytest.mark.parametrize("target", ["http://a.test", "http://a.test?b", "", "*"])
def test_request_without_a_path_only_invalidates(target: str) -> None:
    pathless = environ("*" if target == "*" else "", RAW_URI=target)
    assert KeyMaker().key(pathless) is None
    assert KeyMaker().uri(pathless, to_store=False) == "http://a.test/"


def test_rewritten_path_counts() -> None:
    assert key("/new path", RAW_URI="/old") == "http://a.test/new%20path"


def test_double_slashes_are_kept() -> None:
    assert key("//b.test/x", RAW_URI="//b.test/x") == "http://a.test//b.test/x"


def test_absolute_form_of_the_same_host() -> None:
    assert key("/x", RAW_URI="HTTP://A.test:80/x?y", QUERY_STRING="y") == "http://a.test/x?y"


@pytest.mark.parametrize("target", ["http://b.test/x", "https://a.test/x", "http://[/x", "x"])
def test_absolute_form_of_another_host_meets_no_cache(target: str) -> None:
    assert key("/x", RAW_URI=target) is None
    to_invalidate = KeyMaker().uri(environ("/x", RAW_URI=target), to_store=False)
    assert to_invalidate == "http://a.test/x"


@given(PATHS, PATHS)
def test_paths_that_the_application_can_tell_apart_have_two_keys(one: str, other: str) -> None:
    one_key, other_key = key("/" + one), key("/" + other)
    assert (one_key == other_key) == (one == other)


@given(PATHS)
def test_key_holds_the_path_that_the_application_sees(raw: str) -> None:
    raw = "/" + raw.replace("?", "").replace("é", "e")
    seen = unquote_to_bytes(raw).decode("latin-1")
    made = key(seen, RAW_URI=raw)
    assert made is not None
    assert unquote_to_bytes(made.removeprefix("http://a.test")).decode("latin-1") == seen


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        ("/%7e%41", "/~A"),
        ("/%2f", "/%2F"),
        ("/%", "/%25"),
        ("/%g1", "/%25g1"),
        ("/é", "/%E9"),
        ("/a b", "/a%20b"),
        ("/%+1", "/%25+1"),
        ("/% 1", "/%25%201"),
    ],
)
def test_escapes_are_written_in_one_way(path: str, normal: str) -> None:
    assert normalize_escapes(path) == normal


@pytest.mark.parametrize(
    ("uri", "normal"),
    [("HTTP://A.Test:80", "http://a.test/"), ("http://a.test/%7Eb?c#d", "http://a.test/~b?c")],
)
def test_uris_of_responses_become_keys(uri: str, normal: str) -> None:
    assert normalize_uri(uri) == normal


@pytest.mark.parametrize("uri", ["/relative", "mailto:x", "http://u@a.test/"])
def test_uri_needs_a_host(uri: str) -> None:
    with pytest.raises(ValueError, match="no host"):
        normalize_uri(uri)


def test_origin_of_a_key() -> None:
    assert origin_of("https://a.test:1/b//c") == "https://a.test:1"


def test_memory_for_hosts_is_bounded() -> None:
    keys = KeyMaker()
    for number in range(1000):
        keys.origin("http", f"h{number}.test")
    assert len(keys._origins) <= 256
