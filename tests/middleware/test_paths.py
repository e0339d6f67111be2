from __future__ import annotations

import pytest

from middleware import _paths


@pytest.mark.parametrize(
    ("path", "rest"),
    [("/api", ""), ("/api/", "/"), ("/api/users", "/users"), ("/apis", None), ("/", None)],
)
def test_prefix_ends_where_a_segment_ends(path: str, rest: str | None) -> None:
    assert _paths.below("/api", path) == rest


@pytest.mark.parametrize(("path", "segment"), [("/", ""), ("", ""), ("/a", "a"), ("/a/b", "a")])
def test_first_segment(path: str, segment: str) -> None:
    assert _paths.first_segment(path) == segment


def test_path_is_bytes_shown_as_latin_1() -> None:
    assert _paths.wsgi_path("/é") == "/Ã©"
    assert _paths.quoted("/Ã© x") == "/%C3%A9%20x"


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/rooms/1:2,~x", "/rooms/1:2,~x"),
        ("/a b", "/a%20b"),
        ("/a?b#c%d", "/a%3Fb%23c%25d"),
        ("/a\r\nb", "/a%0D%0Ab"),
        ('/"', "/%22"),
    ],
)
def test_path_is_quoted_where_it_must(path: str, url: str) -> None:
    assert _paths.quoted(path) == url


def test_whole_path_has_both_halves() -> None:
    assert _paths.whole_path({"SCRIPT_NAME": "/a", "PATH_INFO": "/b"}) == "/a/b"
    assert _paths.whole_path({}) == ""


def test_relative_path_is_refused() -> None:
    with pytest.raises(ValueError, match="begin with a slash"):
        _paths.wsgi_path("api")


def test_root_is_no_prefix() -> None:
    with pytest.raises(ValueError, match="everything"):
        _paths.wsgi_prefix("/")
