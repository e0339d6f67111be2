"""What a client accepts: media types, content codings and languages, each with its weight.

RFC 9110 sections 12.4.2, 12.5.1, 12.5.3 and 12.5.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from middleware._fields import split_list, split_outside_quotes
from middleware.headers import TOKEN

_WEIGHT = re.compile(r"0(?:\.\d{0,3})?|1(?:\.0{0,3})?", re.ASCII)
_RANGE = re.compile(rf"({TOKEN.pattern})/({TOKEN.pattern})")
# More than any client needs; further members are ignored.
_MAX_MEMBERS = 100


class Match(NamedTuple):
    """How well an offer suits: by its weight, then by how precisely the client named it."""

    weight: float
    closeness: int


NO_MATCH = Match(0.0, 0)
# A member names everything, a top-level type, a type with parameters, or a type.
ANYTHING, KIND, VARIANT, TYPE = 1, 2, 3, 4


class Accept:
    """An `Accept` field, of one line or of several joined by commas; None if there is none.

    Letter case makes no difference. A malformed member, or one with a malformed weight, is left
    out; if no member is left, everything is accepted, as without the field.
    """

    __slots__ = ("_ranges",)

    def __init__(self, field: str | None) -> None:
        self._ranges = list(_ranges(field or ""))

    def names(self, media_type: str) -> bool:
        """Return whether the field names this very type, whatever its weight."""
        return any(name == media_type for name, _, _ in self._ranges)

    def match(self, media_type: str) -> Match:
        """Return how well a type suits: the member that names it most precisely counts.

        A member with parameters, other than the charset that all our responses have, means one
        variant of a type. It counts for the type, but cannot exclude it.
        """
        if not self._ranges:
            return Match(1.0, ANYTHING)
        kind = media_type.partition("/")[0]
        best = NO_MATCH
        for name, closeness, weight in self._ranges:
            if name in (media_type, f"{kind}/*", "*/*"):
                found = Match(weight, closeness)
                if (closeness, weight) > (best.closeness, best.weight):
                    best = found
        return best

    def best(self, offers: Sequence[str]) -> str | None:
        """Choose one of the types (in lower case, preferred first); None if none is accepted."""
        matches = [(self.match(offer), offer) for offer in offers]
        suiting = [pair for pair in matches if pair[0].weight > 0]
        return max(suiting, key=lambda pair: pair[0])[1] if suiting else None


def coding_weight(field: str | None, coding: str) -> float:
    """Return the weight of a content coding in an `Accept-Encoding`; 0 means: do not use it.

    Without the field, only `identity` is safe. With it, `identity` is, unless it is excluded.
    """
    weights: dict[str, float] = {}
    for member in split_list(field or "")[:_MAX_MEMBERS]:
        name, *parameters = (part.strip(" \t") for part in member.split(";"))
        weight = _weight(parameters)
        if weight is not None and TOKEN.fullmatch(name):
            weights[name.lower().removeprefix("x-")] = weight
    if coding in weights:
        return weights[coding]
    if coding == "identity":
        return 0.0 if weights.get("*") == 0 else 1.0
    return weights.get("*", 0.0)


def best_language(field: str | None, offers: Sequence[str]) -> str | None:
    """Return the one of the languages (in lower case) that `Accept-Language` prefers, or None.

    A range also means the languages that its subtags narrow: whoever reads `de-AT` reads `de`,
    unless `de;q=0` says otherwise (RFC 4647 section 3.4). `*` means those that no other range does.
    Of equal weights, the first in the field counts.
    """
    # In the order in which the field names them, with the weights of their own ranges.
    weights: dict[str, float | None] = {}
    unwanted, others = set(), 0.0
    for member in split_list(field or "")[:_MAX_MEMBERS]:
        name, *parameters = (part.strip(" \t").lower() for part in member.split(";"))
        weight = _weight(parameters)
        if weight == 0:
            unwanted.add(name)
        elif weight is not None and name == "*":
            others = max(weight, others)
            weights |= {offer: weights.get(offer) for offer in offers}
        elif weight is not None:
            for offer in offers:
                if name == offer or name.startswith(f"{offer}-"):
                    weights[offer] = max(weight, weights.get(offer) or 0.0)
    wanted = {
        offer: others if weight is None else weight
        for offer, weight in weights.items()
        if offer not in unwanted
    }
    return max(wanted, key=wanted.__getitem__) if wanted else None


def _ranges(field: str) -> Iterator[tuple[str, int, float]]:
    for member in split_list(field)[:_MAX_MEMBERS]:
        name, *parameters = (
            part.strip(" \t").lower() for part in split_outside_quotes(member, ";")
        )
        match = _RANGE.fullmatch(name)
        weight = _weight(parameters)
        if match is None or weight is None or (match[1] == "*" and match[2] != "*"):
            continue
        if match[2] == "*":
            yield name, ANYTHING if match[1] == "*" else KIND, weight
        elif not _is_variant(parameters):
            yield name, TYPE, weight
        elif weight > 0:
            yield name, VARIANT, weight


def _weight(parameters: Sequence[str]) -> float | None:
    """Return the weight among a member's parameters: 1 if absent, None if malformed."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.rstrip().lower() == "q":
            value = value.strip()
            return float(value) if _WEIGHT.fullmatch(value) else None
    return 1.0


def _is_variant(parameters: Sequence[str]) -> bool:
    """Return whether a parameter makes this a variant of the type."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        name, value = name.strip(), value.strip().strip('"')
        if name == "q":
            return False  # Extensions of the field, not of the type (RFC 9110 section 12.5.1).
        if parameter and not (name == "charset" and value in ("utf-8", "utf8")):
            return True
    return False
