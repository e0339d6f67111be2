"""A password as it is hashed: the profile OpaqueString of RFC 8265 section 4.2.

Two keyboards may send one password as different code points; here they become the same.
"""

import unicodedata

from ngw2f.text.invisible import has_shape

# A longer minimum is a matter of this line, and of the page's `minlength`.
MIN_PASSWORD_CHARACTERS = 1
MAX_PASSWORD_CHARACTERS = 1024
# As typed; what is composed has at most four code points for one.
MAX_TYPED_CHARACTERS = 4 * MAX_PASSWORD_CHARACTERS

# Parts of syllables that compose to none that is in use (RFC 5892 section 2.9).
OLD_HANGUL_JAMO = ((0x1100, 0x11FF), (0xA960, 0xA97C), (0xD7B0, 0xD7FB))
JOINERS = "\u200c\u200d"
VIRAMA = 9


class InvalidPasswordError(ValueError):
    """A password that is refused; the message says why."""


def prepare_password(typed: str) -> str:
    """Return what of a new password is hashed. Raises InvalidPasswordError.

    The rules on where a middle dot or a geresh may stand (RFC 5892 appendix A.3 to A.9) are
    about how names look, and left out.
    """
    if len(typed) > MAX_TYPED_CHARACTERS:
        raise _wrong_length()
    password = unicodedata.normalize("NFC", "".join(map(_plain_space, typed)))
    if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
        raise _wrong_length()
    for index, character in enumerate(password):
        if not has_shape(character) and not _joins(password, index):
            raise InvalidPasswordError(
                "a password has no control, invisible or undefined characters"
            )
        if any(first <= ord(character) <= last for first, last in OLD_HANGUL_JAMO):
            raise InvalidPasswordError("a password has no parts of Korean syllables")
    return password


def forms_of(typed: str) -> list[str]:
    """Return as what a password may have been hashed, the likeliest first.

    The first is what `prepare_password` makes of it. Releases that did not know it hashed what
    was typed: composed, or decomposed by a keyboard of another kind.
    """
    if len(typed) > MAX_TYPED_CHARACTERS:
        return []
    try:
        prepared = prepare_password(typed)
    except InvalidPasswordError:
        return [typed] if is_unicode(typed) else []
    if prepared.isascii() and prepared == typed:
        return [prepared]
    return list(dict.fromkeys((prepared, typed, unicodedata.normalize("NFD", prepared))))


def is_unicode(text: str) -> bool:
    """Say whether *text* can be written as UTF-8: it has no lone surrogate."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _plain_space(character: str) -> str:
    return " " if unicodedata.category(character) == "Zs" else character


def _joins(password: str, index: int) -> bool:
    """Say whether it is a joiner after a virama (RFC 5892 appendix A.1 and A.2)."""
    is_after = index > 0 and unicodedata.combining(password[index - 1]) == VIRAMA
    return is_after and password[index] in JOINERS


def _wrong_length() -> InvalidPasswordError:
    span = f"{MIN_PASSWORD_CHARACTERS} to {MAX_PASSWORD_CHARACTERS}"
    return InvalidPasswordError(f"a password has {span} characters")
