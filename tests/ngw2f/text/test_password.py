import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngw2f.text.password import (
    MAX_PASSWORD_CHARACTERS,
    MAX_TYPED_CHARACTERS,
    InvalidPasswordError,
    forms_of,
    prepare_password,
)

REFUSED = {
    "nothing": "",
    "NUL": "a\0",
    "line feed": "a\n",
    "delete": "\x7f",
    "surrogate": "a\ud800",
    "unassigned": "\u0378",
    "noncharacter": "\ufdd0",
    "private use": "\ue000",
    "variation selector": "\u2764\ufe0f",
    "filler": "\u3164",
    "zero width space": "\u200b",
    "joiner after no virama": "a\u200d",
    "soft hyphen": "\u00ad",
    "line separator": "\u2028",
    "override": "\u202e",
    "tag": "\U000e0041",
    "old jamo": "\u1100",
    "too long": "x" * (MAX_PASSWORD_CHARACTERS + 1),
    "too long to look at": "e\u0301" * MAX_TYPED_CHARACTERS,
}


@pytest.mark.parametrize(
    ("typed", "prepared"),
    [
        ("Sesame 1!", "Sesame 1!"),
        ("se\u0301same", "s\u00e9same"),
        # What macOS sends of U+AC01, and an angstrom sign.
        ("\u1100\u1161\u11a8", "\uac01"),
        ("\u212b", "\u00c5"),
        # Blanks of other widths, one of them typed by Option and the space bar.
        ("a\u00a0b\u3000c", "a b c"),
        ("  ", "  "),
        # What means something else stays: the profile does not fold.
        ("\uff41", "\uff41"),
        ("\ufb03", "\ufb03"),
        ("\U0001f98a", "\U0001f98a"),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"),
        ("e\u0301" * MAX_PASSWORD_CHARACTERS, "\u00e9" * MAX_PASSWORD_CHARACTERS),
    ],
    ids=ascii,
)
def test_prepared_as_the_profile_has_it(typed: str, prepared: str) -> None:
    assert prepare_password(typed) == prepared


@pytest.mark.parametrize("typed", REFUSED.values(), ids=REFUSED)
def test_refused(typed: str) -> None:
    with pytest.raises(InvalidPasswordError, match="a password must"):
        prepare_password(typed)


@given(st.text(max_size=20))
def test_prepared_twice_is_prepared_once(typed: str) -> None:
    try:
        prepared = prepare_password(typed)
    except InvalidPasswordError:
        return
    assert prepare_password(prepared) == prepared
    for form in ("NFC", "NFD"):
        assert prepare_password(unicodedata.normalize(form, typed)) == prepared


@given(st.text(st.characters(), max_size=20))
def test_forms_can_be_hashed(typed: str) -> None:
    for form in forms_of(typed):
        form.encode()


@pytest.mark.parametrize(
    ("typed", "forms"),
    [
        ("sesame", ["sesame"]),
        ("\u00e9", ["\u00e9", "e\u0301"]),
        ("e\u0301", ["\u00e9", "e\u0301"]),
        # The profile refuses it; an older release did not.
        ("\u2764\ufe0f", ["\u2764\ufe0f"]),
        ("", [""]),
        ("a\ud800", []),
        ("x" * (MAX_TYPED_CHARACTERS + 1), []),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_forms(typed: str, forms: list[str]) -> None:
    assert forms_of(typed) == forms
