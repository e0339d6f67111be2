"""What somebody types to search: words, "words in a row", -without, from:nickname, in:room."""

import re
from typing import Literal, NamedTuple

from ngw2f.sentences import Sentence
from ngw2f.text.search_words import folded_words

# The database looks at each of them for each message.
MAX_WORDS = 64

TERM = re.compile(
    r'(?P<without>-?)(?:(?P<name>from|in):(?=\S))?(?:"(?P<row>[^"]*)"?|(?P<plain>\S+))',
    re.IGNORECASE,
)

Phrase = tuple[str, ...]


class InvalidQueryError(ValueError):
    """Nothing that can be searched for; the message says why."""


class Term(NamedTuple):
    """One condition: words in a row, or the name of an author or a room, as it was typed."""

    kind: Literal["words", "from", "in"]
    text: str
    # Only messages for which this does not hold.
    is_excluded: bool = False

    @property
    def phrase(self) -> Phrase:
        return tuple(folded_words(self.text))


def parse_query(text: str) -> list[Term]:
    """Return the terms of a search, all of which hold. Raises InvalidQueryError."""
    terms = [term for term in map(_term_of, TERM.finditer(text)) if _is_one(term)]
    if not terms:
        raise InvalidQueryError("a search must have at least one word")
    # A name is one, however it is written: each is looked up.
    words = sum(len(term.phrase) if term.kind == "words" else 1 for term in terms)
    if words > MAX_WORDS:
        raise InvalidQueryError(
            Sentence("a search may have at most %(most)d words", most=MAX_WORDS)
        )
    return terms


def _term_of(found: re.Match[str]) -> Term:
    text = found["plain"] if found["row"] is None else found["row"]
    is_excluded = bool(found["without"])
    match (found["name"] or "").lower():
        case "from":
            return Term("from", text, is_excluded)
        case "in":
            return Term("in", text, is_excluded)
    return Term("words", text, is_excluded)


def _is_one(term: Term) -> bool:
    return bool(term.phrase if term.kind == "words" else term.text.strip())
