"""The words of a text, as they are searched for, and where they stand.

Both databases are given these words, and neither splits or folds a text by rules of its own: so a
search finds the same on both, and what it found can be marked. A word is a run of letters, digits
and their marks; a symbol, such as an emoji, is one, and so is each character of a script without
spaces. Case, width and diacritics do not count.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

# A longer word is known by its beginning; PostgreSQL takes at most 2,046 bytes.
MAX_WORD_CHARACTERS = 64

ASCII_WORD = re.compile("[0-9A-Za-z]+")
DIACRITICS = re.compile("[\u0300-\u036f]+")
# Thai and Lao, Burmese, Khmer, kana, Chinese characters.
WITHOUT_SPACES = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)
HALFWIDTH_MARKS = "\uff9e\uff9f"

# How a character continues a text: in a word, as a word, after either, or between them.
Kind = Literal["in", "alone", "mark", "between"]


class Word(NamedTuple):
    """A word, and the part of the text that it was."""

    folded: str
    start: int
    end: int


def words_of(text: str) -> Iterator[Word]:
    """Yield the words of a text in their order."""
    if text.isascii():
        for found in ASCII_WORD.finditer(text):
            yield Word(found[0].lower()[:MAX_WORD_CHARACTERS], *found.span())
        return
    for start, end in pairwise(_edges(text)):
        if folded := _folded(text[start:end]):
            yield Word(folded, start, end)


def folded_words(text: str) -> list[str]:
    """Return the words alone, as they are compared."""
    if text.isascii():
        return [found[:MAX_WORD_CHARACTERS] for found in ASCII_WORD.findall(text.lower())]
    return [word.folded for word in words_of(text)]


def _edges(text: str) -> Iterator[int]:
    """Yield where the text is to be cut: before and after each word."""
    before: Kind = "between"
    for place, character in enumerate(text):
        kind = _kind(character)
        if kind == "mark" or (kind == before and kind != "alone"):
            continue
        yield place
        before = kind
    yield len(text)


@lru_cache(maxsize=4096)
def _kind(character: str) -> Kind:
    category = unicodedata.category(character)
    if category in ("Mn", "Mc", "Me", "Cf") or character in HALFWIDTH_MARKS:
        return "mark"
    if category == "So" or WITHOUT_SPACES.match(character):
        return "alone"
    return "in" if category[0] in "LN" else "between"


@lru_cache(maxsize=4096)
def _folded(part: str) -> str:
    """Return a word in the form that is compared, "" if the part is none.

    There is nothing of ASCII in it but letters and digits.
    """
    if _kind(part[0]) in ("between", "mark"):
        return ""
    bare = DIACRITICS.sub("", unicodedata.normalize("NFKD", part)).casefold()
    composed = unicodedata.normalize("NFKC", bare)
    return "".join(filter(_is_kept, composed))[:MAX_WORD_CHARACTERS]


def _is_kept(character: str) -> bool:
    if character.isascii():
        return character.isalnum()
    return unicodedata.category(character) not in ("Cf", "Zs", "Zl", "Zp")
