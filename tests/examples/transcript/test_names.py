import pytest

from examples.transcript.names import filled, pattern


def test_value_is_typed_where_its_name_stands() -> None:
    assert filled("Bearer <token>", {"token": "secret"}) == "Bearer secret"


def test_tag_of_a_page_is_no_name() -> None:
    assert filled("<h1><p>", {"p": "wrong"}) == "<h1><p>"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("date", "Sat, 21 Nov 2026 10:12:00 GMT"),
        ("clock", "10:12:00"),
        ("seconds", "1795256000.25"),
        ("number", "20"),
        ("id", "1795256000000-0"),
        ("text", "anything at all"),
        ("beats", ""),
        ("beats", "\r\r"),
        ("token-2", "a.b-c"),
    ],
)
def test_name_stands_for_what_varies(name: str, value: str) -> None:
    assert pattern(f"it is <{name}>.", "\n", {}).fullmatch(f"it is {value}.\n".encode())


@pytest.mark.parametrize(("name", "value"), [("date", "yesterday"), ("number", "-1")])
def test_name_does_not_stand_for_anything(name: str, value: str) -> None:
    assert not pattern(f"<{name}>", "", {}).fullmatch(value.encode())


def test_name_stands_for_the_same_in_a_line() -> None:
    twice = pattern("<token> <token>", "", {})
    assert twice.fullmatch(b"a a")
    assert not twice.fullmatch(b"a b")


def test_known_value_is_the_only_one() -> None:
    known = pattern('"<etag>"', "", {"etag": "a.c"})
    assert known.fullmatch(b'"a.c"')
    assert not known.fullmatch(b'"abc"')
