"""Nicknames and room names: what they may be, and how they are compared."""

import unicodedata

MAX_NICKNAME_CHARACTERS = 32
MAX_ROOM_NAME_CHARACTERS = 64

# Control, format (invisible, or turning the direction of the text around them),
# surrogate, private use, unassigned; line and paragraph separators.
REFUSED_CATEGORIES = ("C", "Zl", "Zp")
# What a name has decomposed at most. Normalising takes a time that grows with the square
# of the number of marks on one letter, so nothing longer is looked at.
MAX_TYPED_CHARACTERS = 4 * MAX_ROOM_NAME_CHARACTERS
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# Basic authentication (RFC 7617 section 2) ends the user's name at the first colon.
REFUSED_IN_NICKNAMES = ":"
# What proxies and clients read as a part of the URL's structure.
REFUSED_IN_ROOM_NAMES = "/\\?#%;"


class InvalidNameError(ValueError):
    """A name that is refused; the message says why."""


def check_nickname(nickname: str) -> str:
    """Return *nickname* in Unicode's composed form. Raises InvalidNameError."""
    return _check(nickname, "a nickname", MAX_NICKNAME_CHARACTERS, REFUSED_IN_NICKNAMES)


def check_room_name(name: str) -> str:
    """Return *name* in Unicode's composed form. Raises InvalidNameError."""
    name = _check(name, "a room's name", MAX_ROOM_NAME_CHARACTERS, REFUSED_IN_ROOM_NAMES)
    if not name.strip("."):
        raise InvalidNameError("a room's name is not only dots, which URLs take for a way up")
    return name


def name_key(name: str) -> str:
    """Return what two names share that a person would take for the same one."""
    if len(name) > MAX_TYPED_CHARACTERS:
        # No name has this character, so it is the key of none.
        return REPLACEMENT
    folded = unicodedata.normalize("NFKC", name).casefold()
    return unicodedata.normalize("NFKC", " ".join(folded.split()))


def _check(text: str, what: str, max_characters: int, refused: str) -> str:
    if len(text) > MAX_TYPED_CHARACTERS:
        raise InvalidNameError(f"{what} has at most {max_characters} characters")
    name = unicodedata.normalize("NFC", text)
    if not name:
        raise InvalidNameError(f"{what} has at least one character")
    if name != name.strip():
        raise InvalidNameError(f"{what} neither starts nor ends with a space")
    if len(name) > max_characters:
        raise InvalidNameError(f"{what} has at most {max_characters} characters")
    for character in name:
        if character in refused:
            raise InvalidNameError(f"{what} has no {character!r}")
        category = unicodedata.category(character)
        if category.startswith(REFUSED_CATEGORIES) or character == REPLACEMENT:
            raise InvalidNameError(f"{what} has no control, invisible or undefined characters")
    return name
