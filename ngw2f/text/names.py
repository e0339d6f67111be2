"""Nicknames and room names: which are allowed, and how they are compared.

Whether one is taken is asked in `ngw2f/actions/accounts.py` and `ngw2f/actions/rooms.py`.
"""

import unicodedata

from ngw2f.sentences import Sentence
from ngw2f.text.invisible import has_shape, is_ignorable
from ngw2f.text.lookalikes import is_highly_restrictive

MAX_NICKNAME_CHARACTERS = 32
MAX_ROOM_NAME_CHARACTERS = 64

# The longest decomposed name. Normalising time grows with the square of the number of marks
# on one letter, so longer input is refused unseen.
MAX_TYPED_CHARACTERS = 4 * MAX_ROOM_NAME_CHARACTERS
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Characters drawn as nothing, and placeholders.
BLANKS = "\u2800\ufffc\ufffd\U00013441\U00013442\U00016fe4\U0001d159"
# Emoji presentation selectors, and the joiner of emoji sequences; case folding removes both.
VARIATIONS, JOINER = "\ufe0e\ufe0f", "\u200d"
# No language puts more on one letter (UTS 39 section 5.4).
MAX_MARKS = 4
# Basic authentication (RFC 7617 section 2) ends the user's name at the first colon.
REFUSED_IN_NICKNAMES = ":"
# Proxies and clients treat these as URL structure.
REFUSED_IN_ROOM_NAMES = "/\\?#%;"


class InvalidNameError(ValueError):
    """A refused name; the message says why."""


def check_nickname(nickname: str) -> str:
    """Return *nickname* in Unicode's composed form. Raises InvalidNameError."""
    return _check(nickname, Sentence("a nickname"), MAX_NICKNAME_CHARACTERS, REFUSED_IN_NICKNAMES)


def check_room_name(name: str) -> str:
    """Return *name* in Unicode's composed form. Raises InvalidNameError."""
    name = _check(name, Sentence("a room's name"), MAX_ROOM_NAME_CHARACTERS, REFUSED_IN_ROOM_NAMES)
    if not name.strip("."):
        raise InvalidNameError("a room's name must not be only dots, which lead upwards in URLs")
    return name


def name_key(name: str) -> str:
    """Return a key that ignores case, width, kinds of blanks and invisible characters.

    It is NFKC_Casefold (UAX 31 section 5.1), with blanks as single spaces.
    """
    if len(name) > MAX_TYPED_CHARACTERS:
        # No name contains this character, so the key matches none.
        return REPLACEMENT
    seen = "".join(each for each in name if not is_ignorable(each))
    return old_name_key("".join(each for each in old_name_key(seen) if not is_ignorable(each)))


def old_name_key(name: str) -> str:
    """Return the key that releases up to 0.1 computed; some stored names still have it."""
    if len(name) > MAX_TYPED_CHARACTERS:
        return REPLACEMENT
    folded = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", " ".join(folded.split()))


def composed(name: str) -> str:
    """Return a typed name in the form in which it would be stored."""
    if len(name) > MAX_TYPED_CHARACTERS:
        return REPLACEMENT
    return unicodedata.normalize("NFC", "".join(map(_plain_space, name)))


def _check(text: str, what: Sentence, max_characters: int, refused: str) -> str:
    too_long = Sentence(
        "%(what)s may have at most %(most)d characters", what=what, most=max_characters
    )
    if len(text) > MAX_TYPED_CHARACTERS:
        raise InvalidNameError(too_long)
    name = composed(text)
    if not name:
        raise InvalidNameError(Sentence("%(what)s must have at least one character", what=what))
    if name != name.strip():
        raise InvalidNameError(Sentence("%(what)s neither starts nor ends with a space", what=what))
    if len(name) > max_characters:
        raise InvalidNameError(too_long)
    for index, character in enumerate(name):
        if character in refused:
            raise InvalidNameError(
                Sentence("%(what)s must not contain %(sign)r", what=what, sign=character)
            )
        is_seen = has_shape(character) and character not in BLANKS
        if not is_seen and not _is_of_emoji(name, index):
            raise InvalidNameError(
                Sentence(
                    "%(what)s must not contain control, invisible or undefined characters",
                    what=what,
                )
            )
    _check_marks(name, what)
    if not is_highly_restrictive(name):
        raise InvalidNameError(
            Sentence(
                "%(what)s has letters and digits of one script (or of Latin and one of Chinese, "
                "Japanese and Korean)",
                what=what,
            )
        )
    return name


def _check_marks(name: str, what: Sentence) -> None:
    marks = 0
    for index, character in enumerate(unicodedata.normalize("NFD", name)):
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks and marks > (MAX_MARKS if index >= marks else 0):
            raise InvalidNameError(
                Sentence(
                    "%(what)s has marks on letters, and at most %(most)d on each",
                    what=what,
                    most=MAX_MARKS,
                )
            )


def _is_of_emoji(name: str, index: int) -> bool:
    """Return whether an invisible character modifies the symbol before it, or joins two."""
    before, after = name[:index].rstrip(VARIATIONS)[-1:], name[index + 1 :][:1]
    if name[index] in VARIATIONS:
        return _is_symbol(name[index - 1 : index])
    return name[index] == JOINER and _is_symbol(before) and _is_symbol(after)


def _is_symbol(character: str) -> bool:
    # Skin tones are Sk; keycap sequences start with digits.
    is_one = bool(character) and character not in BLANKS
    return is_one and unicodedata.category(character) in ("So", "Sm", "Sk", "Po", "Nd")


def _plain_space(character: str) -> str:
    return " " if unicodedata.category(character) == "Zs" else character
