import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngw2f.text.names import (
    REPLACEMENT,
    InvalidNameError,
    check_nickname,
    check_room_name,
    name_key,
)


@pytest.mark.parametrize(
    "name",
    [
        *("ann", "Ann Lee", "日本", "🦊", "x" * 32, "O'Neil", "a/b", "Tiến", "Łódź", "नमस्ते"),
        *("สวัสดี", "مرحبا", "שלום", "Ляпунов", "кот 3", "山田Taro", "김철수 Kim", "ハナコ"),
        "¯\\_(ツ)_/¯",
        *("🏳️", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "1️⃣", "👍🏽", "I ❤️ U"),
    ],
    ids=ascii,
)
def test_nickname(name: str) -> None:
    assert check_nickname(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", " a", "a ", "x" * 33, "a:b", "a\0", "a\n", "a\x7f", "a\u200bb", "\u202ea"),
        *("\ud800", "\ue000", "\u2028", "\ufffd", "\ufdd0"),
        # What cannot be seen, alone and beside what can.
        *("\u3164", "\u2800", "\ufe0f", "\u115f", "\uffa0", "\u034f", "\u17b5", "\U000e0041"),
        *("bob\u3164", "bob\u2800", "bob\ufe0f", "bob\u200d", "bob\U000e0100", "\U0001d159"),
        *("🦊\u200d", "\u200d🦊", "🦊\u200dbob", "\u3000", "\u00a0", "\ufe0f\u200d", "\U00013441"),
        # Marks on nothing, and too many on one.
        *("\u0301", "\u0301\u0302bob", "z" + "\u0301" * 5),
        # Scripts and digits that do not go together.
        *("\u0430nn", "p\u0430ypal", "\u03b1bc", "bob\u0661", "1\u0661"),
        *("\u30cf\uae40", "\u0431\u03b2"),
    ],
    ids=ascii,
)
def test_nickname_refused(name: str) -> None:
    with pytest.raises(InvalidNameError, match="nickname"):
        check_nickname(name)


@pytest.mark.parametrize("space", ["\u00a0", "\u3000", "\u2009", "\u1680"], ids=ascii)
def test_blanks_are_spaces(space: str) -> None:
    assert check_nickname(f"a{space}b") == check_room_name(f"a{space}b") == "a b"


@pytest.mark.parametrize("name", [*"/\\?#%;", ".", "..", "x" * 65], ids=ascii)
def test_room_name_refused(name: str) -> None:
    with pytest.raises(InvalidNameError, match="room"):
        check_room_name(name)


@pytest.mark.parametrize("check", [check_nickname, check_room_name])
def test_long_name_is_not_normalised(
    check: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That takes a time that grows with its square: 5 s for 32,000 marks on one letter."""
    monkeypatch.setattr("ngw2f.text.names.unicodedata", None)
    name = "a" + "\u0300\u0316" * 200
    with pytest.raises(InvalidNameError, match="at most"):
        check(name)
    # The key of no name.
    assert name_key(name) == REPLACEMENT


def test_names_are_composed() -> None:
    assert check_nickname("e\u0301") == check_room_name("e\u0301") == "\u00e9"


@pytest.mark.parametrize(
    "pair",
    [
        ("🏳️", "🏳"),
        ("bob\u3164", "bob"),
        ("bo\u00adb", "bob"),
        ("bob\U000e0041", "bob"),
        ("bob\ufe0f", "bob"),
        ("a\u3000b", "a b"),
        ("\u1e9e", "ss"),
        ("\u03c2", "\u03c3"),
        ("e\u0301", "\u00e9"),
        ("Ann", "ann"),
        ("ａ", "a"),
        ("Straße", "STRASSE"),
        ("a  b", "a b"),
        ("ﬁ", "FI"),
    ],
    ids=ascii,
)
def test_names_that_read_the_same(pair: tuple[str, str]) -> None:
    assert name_key(pair[0]) == name_key(pair[1])


def test_names_that_do_not() -> None:
    assert name_key("ann") != name_key("anna")


@given(st.text(max_size=40))
def test_accepted_name_is_stable(text: str) -> None:
    try:
        name = check_nickname(text)
    except InvalidNameError:
        return
    assert check_nickname(name) == name
    assert unicodedata.is_normalized("NFC", name)
    assert name_key(name_key(name)) == name_key(name)
    name.encode()
