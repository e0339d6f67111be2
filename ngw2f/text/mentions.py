"""Find whom a message mentions, in its rendered HTML, and mark it there.

By then the Markdown parser has told code from text, and the sanitizer has removed the rest. A
nickname may have spaces and punctuation: what follows an @ is tried as a name up to each end of a
word, and the longest name that there is counts.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from html import escape, unescape
from typing import NamedTuple

from ngw2f.text.names import MAX_NICKNAME_CHARACTERS, name_key

# What mentions everybody in the room, whether or not a user is called so.
ROOM = "room"
# A message may have more @, but only this many of them mention somebody.
MAX_MENTIONS = 20
# Of what follows an @, at most this many ends of words are tried.
MAX_ENDS = 8

# As the sanitizer writes it: values are in double quotes.
TAG = re.compile(r'(<(?:[^">]|"[^"]*")*>)')
# What is in these is quoted, not said.
QUOTES = re.compile(r"<(/?)(?:a|code|pre)[ >]")


class Call(NamedTuple):
    """An @ in a text, and where the names may end that follow it, the longest first."""

    start: int
    ends: list[int]


def find_names(html: str) -> list[str]:
    """Return the keys of all names that the message may mention, each once."""
    if "@" not in html:
        return []
    found = (
        name_key(text[call.start + 1 : end])
        for text, calls in _said(html)
        for call in calls
        for end in call.ends
    )
    return list(dict.fromkeys(found))


def mark_mentions(html: str, known: Mapping[str, int]) -> tuple[str, set[int]]:
    """Return *html* with each mention marked, and who is mentioned.

    *known* has users by the keys of their names.
    """
    parts = TAG.split(html)
    mentioned: set[int] = set()
    texts = iter(_said(html))
    depth = 0
    for place, part in enumerate(parts):
        if place % 2:
            depth += _depth_of(part)
        elif depth == 0 and "@" in part:
            text, calls = next(texts)
            parts[place], whom = _marked(text, calls, known)
            mentioned |= whom
    return "".join(parts), mentioned


def _said(html: str) -> Iterator[tuple[str, list[Call]]]:
    """Yield the texts of *html* that have an @ and are not quoted, and what follows each."""
    depth = count = 0
    for place, part in enumerate(TAG.split(html)):
        if place % 2:
            depth += _depth_of(part)
        elif depth == 0 and "@" in part:
            text = unescape(part)
            calls = list(_calls(text, MAX_MENTIONS - count))
            count += len(calls)
            yield text, calls


def _depth_of(tag: str) -> int:
    quote = QUOTES.match(tag)
    return 0 if quote is None else -1 if quote[1] else 1


def _calls(text: str, most: int) -> Iterator[Call]:
    for found in re.finditer("@", text):
        start = found.start()
        # Not in the middle of an address.
        if most > 0 and not (start and _is_of_word(text[start - 1])):
            ends = list(_ends(text, start + 1))[:MAX_ENDS]
            if ends:
                most -= 1
                yield Call(start, ends[::-1])


def _ends(text: str, start: int) -> Iterator[int]:
    """Yield where a name that begins at *start* may end: after a word, or after a sign."""
    for end in range(start + 1, min(start + MAX_NICKNAME_CHARACTERS, len(text)) + 1):
        last, following = text[end - 1], text[end : end + 1]
        if last == "\n" or text[start].isspace():
            return
        if not last.isspace() and not (_is_of_word(last) and _is_of_word(following)):
            yield end


def _is_of_word(character: str) -> bool:
    if character in ("", " "):
        return False
    is_mark = unicodedata.category(character).startswith("M")
    return character.isalnum() or character in "_-" or is_mark


def _marked(text: str, calls: list[Call], known: Mapping[str, int]) -> tuple[str, set[int]]:
    done, marked = 0, []
    mentioned: set[int] = set()
    for start, ends in calls:
        if start < done:
            continue  # An @ that is a part of the name before it.
        for end in ends:
            user_id = known.get(name_key(text[start + 1 : end]))
            if user_id is not None:
                mentioned.add(user_id)
                said = _escaped(text[start:end])
                marked += [_escaped(text[done:start]), f'<span class="mention">{said}</span>']
                done = end
                break
    return "".join([*marked, _escaped(text[done:])]), mentioned


def _escaped(text: str) -> str:
    return escape(text, quote=False)
