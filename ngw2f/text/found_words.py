"""Mark the words that a search has found in the HTML of a message."""

import re
from collections.abc import Collection, Iterator
from html import escape, unescape

from ngw2f.text.search_query import Phrase
from ngw2f.text.search_words import words_of

# A tag, with quoted values in which it does not end.
TAG = re.compile(r'(<(?:"[^"]*"|\'[^\']*\'|[^"\'>])*>)')


def mark_words(html: str, phrases: Collection[Phrase]) -> str:
    """Return *html*, which is safe, with `<mark>` around each phrase in its texts.

    A phrase that tags divide is not marked.
    """
    wanted = sorted(filter(None, phrases), key=len, reverse=True)
    if not wanted:
        return html
    # Texts are at the even places, tags at the odd ones.
    parts = TAG.split(html)
    parts[::2] = (_marked(unescape(part), wanted) if part.strip() else part for part in parts[::2])
    return "".join(parts)


def _marked(text: str, wanted: list[Phrase]) -> str:
    done, marked = 0, []
    for start, end in _found(text, wanted):
        marked += [_escaped(text[done:start]), "<mark>", _escaped(text[start:end]), "</mark>"]
        done = end
    return "".join([*marked, _escaped(text[done:])])


def _escaped(text: str) -> str:
    return escape(text, quote=False)


def _found(text: str, wanted: list[Phrase]) -> Iterator[tuple[int, int]]:
    """Yield where each phrase begins and ends; none overlaps another."""
    words = list(words_of(text))
    folded = [word.folded for word in words]
    place = 0
    while place < len(words):
        found = next((p for p in wanted if tuple(folded[place : place + len(p)]) == p), None)
        if found:
            yield words[place].start, words[place + len(found) - 1].end
        place += len(found or (None,))
