"""The shape of a name (UTS 39), the same for names that people confuse.

Characters count as look-alikes across scripts, and among Latin letters that are not ASCII.
Those from one keyboard stay distinct (l and 1, rn and m, Thai do dek and kho khwai), or half of
all names would be taken.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache, reduce
from importlib.resources import files
from typing import NamedTuple

from ngw2f.text.invisible import is_ignorable

COMMON = {"Zyyy", "Zinh"}
# Writing systems of several scripts (UTS 39 section 5.1), and what each may be written with.
SYSTEMS = {
    "Hani": {"Hanb", "Jpan", "Kore"},
    "Hira": {"Jpan"},
    "Kana": {"Jpan"},
    "Bopo": {"Hanb"},
    "Hang": {"Kore"},
}
WITH_LATIN = {"Hanb", "Jpan", "Kore"}
# A vertical bar of any script may be read as either letter.
BARS = "il|"
ANY_BAR = "\0"


def is_highly_restrictive(name: str) -> bool:
    """Return whether *name* meets UTS 39 section 5.2's level "highly restrictive".

    That is one script, or Latin with Japanese, Korean or Chinese, and digits of one kind.
    """
    written = unicodedata.normalize("NFKC", name)
    sets = [scripts for scripts in map(_scripts, written) if scripts]
    if not sets:
        return _has_digits_of_one_kind(written)
    others = [scripts for scripts in sets if "Latn" not in scripts]
    is_mixed_well = bool(reduce(set.intersection, sets)) or (
        bool(others) and bool(reduce(set.intersection, others) & WITH_LATIN)
    )
    return is_mixed_well and _has_digits_of_one_kind(written)


def shapes_of(name: str) -> frozenset[str]:
    """Return the case-folded skeletons of UTS 39 section 4, which no two names may share.

    There are two if a bar of another script may be read as `i` or `l`, else one. Names do not
    mix scripts, so a name with a letter that has no look-alike resembles no other name.
    """
    if name.isascii():
        return frozenset((_without_case(name),))
    written = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", name))
    seen = [each for each in written if not is_ignorable(each)]
    table = _table()
    if not any(_is_of_one_script(each) and each not in table.shared for each in seen):
        seen = [table.shapes.get(each, each) for each in seen]
    skeleton = "".join(seen)
    return frozenset(_without_case(skeleton.replace(ANY_BAR, bar)) for bar in "il")


def _is_of_one_script(character: str) -> bool:
    """Return whether the character is a letter or digit of a script other than Latin."""
    scripts = _scripts(character)
    return unicodedata.category(character)[0] in "LN" and bool(scripts) and "Latn" not in scripts


def _without_case(skeleton: str) -> str:
    folded = unicodedata.normalize("NFKD", skeleton.casefold())
    return " ".join(folded.split())


def _scripts(character: str) -> set[str]:
    """Return the character's augmented script set, empty if it is used in any script."""
    scripts = _extension(character)
    if scripts & COMMON:
        return set()
    return scripts.union(*(SYSTEMS.get(script, ()) for script in scripts))


def _extension(character: str) -> set[str]:
    """Return the codes of the scripts in which the character is used."""
    # Few processes ever see a new name, and the tables take half a megabyte.
    from fontTools.unicodedata import script_extension

    return set(script_extension(character))


def _has_digits_of_one_kind(name: str) -> bool:
    """Return whether all digits are from one decimal system (UTS 39 section 5.3)."""
    zeros = {ord(each) - unicodedata.decimal(each) for each in name if each.isdecimal()}
    return len(zeros) < 2


class _Table(NamedTuple):
    """The shape of each look-alike that is not ASCII, and those shared with another script."""

    shapes: dict[str, str]
    shared: set[str]


@cache
def _table() -> _Table:
    table = _Table({}, set())
    text = (files("ngw2f.text") / "lookalikes.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        if not line.startswith("#"):
            prototype, _, members = line.partition("\t")
            shape = ANY_BAR if prototype in BARS else prototype
            table.shapes.update(dict.fromkeys(members, shape))
            table.shared.update(_shared(prototype, members))
    return table


def _shared(prototype: str, members: str) -> Iterator[str]:
    """Yield a class's single characters that have a look-alike in another script."""
    # Not augmented: kana and Chinese characters look alike within one writing system.
    scripts = {each: _extension(each) for each in members}
    scripts[prototype] = set().union(*map(_extension, prototype))
    for each, own in scripts.items():
        if len(each) == 1 and any(own.isdisjoint(others) for others in scripts.values()):
            yield each
