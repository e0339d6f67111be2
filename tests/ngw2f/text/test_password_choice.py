import pytest

from ngw2f.text.password import InvalidPasswordError
from ngw2f.text.password_choice import COMMON, check_choice


@pytest.mark.parametrize(
    "password",
    ["seven77", "password", "PASSWORD1", "passw0rd!!", "12345678", "87654321", "1234567890",
     "aaaaaaaa", "abababab", "abcabcabc", "annabelle", "Annabelle", "secret123", "qwerty2026"],
)  # fmt: skip
def test_others_would_try_it(password: str) -> None:
    with pytest.raises(InvalidPasswordError):
        check_choice(password, "annabelle")


@pytest.mark.parametrize(
    "password", ["open sesame", "a long one", "correct horse", "\u65e5\u672c\u8a9e" * 3 + "x"]
)
def test_others_would_not(password: str) -> None:
    check_choice(password, "annabelle")


def test_list_is_in_lower_case() -> None:
    assert {each.casefold() for each in COMMON} == COMMON
