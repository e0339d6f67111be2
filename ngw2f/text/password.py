"""Passwords prepared for hashing by the profile OpaqueString (RFC 8265 section 4.2).

Two keyboards may send one password as different code points; preparation makes them equal.
"""

import unicodedata

from ngw2f.sentences import Sentence
from ngw2f.text.invisible import has_shape

# To raise the minimum, change this line and the page's `minlength`.
MIN_PASSWORD_CHARACTERS = 1
MAX_PASSWORD_CHARACTERS = 1024
# As typed; a composed character has at most four code points.
MAX_TYPED_CHARACTERS = 4 * MAX_PASSWORD_CHARACTERS

# Parts of syllables that do not compose to modern ones (RFC 5892 section 2.9).
OLD_HANGUL_JAMO = ((0x1100, 0x11FF), (0xA960, 0xA97C), (0xD7B0, 0xD7FB))
JOINERS = "\u200c\u200d"
VIRAMA = 9


class InvalidPasswordError(ValueError):
    """A refused password; the message says why."""


def prepare_password(typed: str) -> str:
    """Return a new password in the form that is hashed. Raises InvalidPasswordError.

    The rules on where a middle dot or a geresh may stand (RFC 5892 appendix A.3 to A.9) are
    omitted: they concern how names look.
    """
    if len(typed) > MAX_TYPED_CHARACTERS:
        raise _wrong_length()
    password = unicodedata.normalize("NFC", "".join(map(_plain_space, typed)))
    if not MIN_PASSWORD_CHARACTERS <= len(password) <= MAX_PASSWORD_CHARACTERS:
        raise _wrong_length()
    for index, character in enumerate(password):
        if not has_shape(character) and not _joins(password, index):
            raise InvalidPasswordError(
                "a password must not contain control, invisible or undefined characters"
            )
        if any(first <= ord(character) <= last for first, last in OLD_HANGUL_JAMO):
            raise InvalidPasswordError("a password must not contain parts of Korean syllables")
    return password


def forms_of(typed: str) -> list[str]:
    """Return the forms in which a password may have been hashed, the likeliest first.

    The first is the result of `prepare_password`. Earlier releases hashed the password as
    typed: composed, or decomposed by another kind of keyboard.
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
    """Return whether *text* can be encoded as UTF-8, that is, has no lone surrogate."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _plain_space(character: str) -> str:
    return " " if unicodedata.category(character) == "Zs" else character


def _joins(password: str, index: int) -> bool:
    """Return whether the character is a joiner after a virama (RFC 5892 appendix A.1, A.2)."""
    is_after = index > 0 and unicodedata.combining(password[index - 1]) == VIRAMA
    return is_after and password[index] in JOINERS


def _wrong_length() -> InvalidPasswordError:
    return InvalidPasswordError(
        Sentence(
            "a password must have %(least)d to %(most)d characters",
            least=MIN_PASSWORD_CHARACTERS,
            most=MAX_PASSWORD_CHARACTERS,
        )
    )
