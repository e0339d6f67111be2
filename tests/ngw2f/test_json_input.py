"""JSON that clients send: JSON Schema's integers."""

import msgspec
import pytest

from ngw2f.json_input import MAX_EXACT, decode, whole_number


class Ids(msgspec.Struct):
    one: int
    more: list[int] = []
    text: str = ""
    seconds: float = 0.0


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        (b'{"one": 3}', Ids(3)),
        (b'{"one": 3.0}', Ids(3)),
        (b'{"one": 3e2, "more": [1.0, 2, -5E0]}', Ids(300, [1, 2, -5])),
        ('{"one": 9007199254740992.0}', Ids(MAX_EXACT)),
        (b'{"one": 3.0, "text": "3.0", "seconds": 2.0}', Ids(3, text="3.0", seconds=2.0)),
    ],
)
def test_integer_has_any_notation(content: bytes | str, ids: Ids) -> None:
    assert decode(content, Ids) == ids


@pytest.mark.parametrize(
    "one", [b"3.5", b"1e300", b"9007199254740994.0", b'"3.0"', b"true", b"null", b"[3.0]"]
)
def test_other_numbers_are_no_integers(one: bytes) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"Expected `int`, .*`\$\.one`"):
        decode(b'{"one": %s}' % one, Ids)


def test_wrong_json_is_refused() -> None:
    with pytest.raises(RecursionError):
        decode(b'{"one": 3.0, "unknown": %s1%s}' % (b"[" * 990, b"]" * 990), Ids)
    with pytest.raises(msgspec.DecodeError):
        decode(b'{"one": 3.0, "unknown": ', Ids)


def test_what_is_no_number_stays() -> None:
    assert [whole_number(value) for value in ("3.0", None, True, 4, 4.5)] == [
        "3.0", None, True, 4, 4.5,
    ]  # fmt: skip
