"""Mark the words that a search has found in the HTML of a message."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from html import escape, unescape

from ngw2f.text.search_query import Phrase
from ngw2f.text.search_words import words_of

# A tag, with quoted values in which it does not end.
TAG = re.compile(r'(<(?:"[^"]*"|\'[^\']*\'|[^"\'>])*>)')


def mark_words(html: str, phrases: Collection[Phrase]) -> str:
    """Return *html*, which is safe, with `<mark>` around each phrase in its texts.

    A phrase that tags divide is not marked.
    """
    wanted = set(filter(None, phrases))
    if not wanted:
        return html
    lengths: dict[str, list[int]] = {}
    for phrase in sorted(wanted, key=len, reverse=True):
        of_first = lengths.setdefault(phrase[0], [])
        if len(phrase) not in of_first:
            of_first.append(len(phrase))
    # Texts are at the even places, tags at the odd ones.
    parts = TAG.split(html)
    parts[::2] = (
        _marked(unescape(part), wanted, lengths) if part.strip() else part for part in parts[::2]
    )
    return "".join(parts)


def _marked(text: str, wanted: set[Phrase], lengths: Mapping[str, Sequence[int]]) -> str:
    done, marked = 0, []
    for start, end in _found(text, wanted, lengths):
        marked += [_escaped(text[done:start]), "<mark>", _escaped(text[start:end]), "</mark>"]
        done = end
    return "".join([*marked, _escaped(text[done:])])


def _escaped(text: str) -> str:
    return escape(text, quote=False)


def _found(
    text: str, wanted: set[Phrase], lengths: Mapping[str, Sequence[int]]
) -> Iterator[tuple[int, int]]:
    """Yield where each phrase begins and ends, the longest of each place; none overlaps another.

    *lengths* are those of the phrases that begin with a word, the greatest first. There are few,
    however many phrases there are.
    """
    words = list(words_of(text))
    folded = [word.folded for word in words]
    place = 0
    while place < len(words):
        left = len(words) - place
        fitting = (each for each in lengths.get(folded[place], ()) if each <= left)
        found = (each for each in fitting if tuple(folded[place : place + each]) in wanted)
        length = next(found, 0)
        if length:
            yield words[place].start, words[place + length - 1].end
        place += length or 1
