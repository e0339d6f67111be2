import unicodedata

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


@pytest.mark.parametrize("name", ["ann", "Ann Lee", "日本", "🦊", "x" * 32, "O'Neil", "a/b", "🏳️"])
def test_nickname(name):
    assert check_nickname(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("", " ", " a", "a ", "x" * 33, "a:b", "a\0", "a\n", "a\x7f", "a\u200bb", "\u202ea"),
        *("\ud800", "\ue000", "\u2028", "\ufffd", "\ufdd0"),
    ],
    ids=ascii,
)
def test_nickname_refused(name):
    with pytest.raises(InvalidNameError, match="nickname"):
        check_nickname(name)


@pytest.mark.parametrize("name", [*"/\\?#%;", ".", "..", "x" * 65], ids=ascii)
def test_room_name_refused(name):
    with pytest.raises(InvalidNameError, match="room"):
        check_room_name(name)


@pytest.mark.parametrize("check", [check_nickname, check_room_name])
def test_long_name_is_not_normalised(check, monkeypatch):
    """That takes a time that grows with its square: 5 s for 32,000 marks on one letter."""
    monkeypatch.setattr("ngw2f.text.names.unicodedata", None)
    name = "a" + "\u0300\u0316" * 200
    with pytest.raises(InvalidNameError, match="at most"):
        check(name)
    # The key of no name.
    assert name_key(name) == REPLACEMENT


def test_names_are_composed():
    assert check_nickname("e\u0301") == check_room_name("e\u0301") == "\u00e9"


@pytest.mark.parametrize(
    "pair",
    [("Ann", "ann"), ("ａ", "a"), ("Straße", "STRASSE"), ("a  b", "a b"), ("ﬁ", "FI")],
    ids=ascii,
)
def test_names_that_read_the_same(pair):
    assert name_key(pair[0]) == name_key(pair[1])


def test_names_that_do_not():
    assert name_key("ann") != name_key("anna")


@given(st.text(max_size=40))
def test_accepted_name_is_stable(text):
    try:
        name = check_nickname(text)
    except InvalidNameError:
        return
    assert check_nickname(name) == name
    assert unicodedata.is_normalized("NFC", name)
    assert name_key(name_key(name)) == name_key(name)
    name.encode()
