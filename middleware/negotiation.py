"""What a client accepts: media types and content codings, each with its weight.

RFC 9110 sections 12.4.2, 12.5.1 and 12.5.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from middleware._fields import split_list, split_outside_quotes
from middleware.headers import TOKEN

_WEIGHT = re.compile(r"0(?:\.\d{0,3})?|1(?:\.0{0,3})?", re.ASCII)
_RANGE = re.compile(rf"({TOKEN.pattern})/({TOKEN.pattern})")
# More than any client has a use for; the rest is not looked at.
_MAX_MEMBERS = 100


class Match(NamedTuple):
    """How well an offer suits: by its weight, then by how closely it was named."""

    weight: float
    closeness: int


NO_MATCH = Match(0.0, 0)
# What a member names: anything, a kind of media, a type with parameters of its own, a type.
ANYTHING, KIND, VARIANT, TYPE = 1, 2, 3, 4


class Accept:
    """An `Accept` field, of one line or of several joined by commas; None where there is none.

    Letter case makes no difference. A member that is malformed, its weight included, is left
    out; where nothing is left, all is accepted, as without the field.
    """

    __slots__ = ("_ranges",)

    def __init__(self, field: str | None) -> None:
        self._ranges = list(_ranges(field or ""))

    def names(self, media_type: str) -> bool:
        """Say whether a type stands in the field as itself, whatever its weight."""
        return any(name == media_type for name, _, _ in self._ranges)

    def match(self, media_type: str) -> Match:
        """Say how well a type suits: the member counts that names it most closely.

        A member with parameters, other than the charset that all we send has, stands for one
        variant of a type; it is taken for the type, but does not exclude it.
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
        """Choose one of the types, in lower case, the preferred first; None if none will do."""
        matches = [(self.match(offer), offer) for offer in offers]
        suiting = [pair for pair in matches if pair[0].weight > 0]
        return max(suiting, key=lambda pair: pair[0])[1] if suiting else None


def coding_weight(field: str | None, coding: str) -> float:
    """Give the weight of a content coding in an `Accept-Encoding`; 0: it must not be used.

    Without the field only `identity` is safe, and that unless it is excluded.
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
    """Give the weight among a member's parameters, 1 if there is none, None if it is malformed."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.rstrip().lower() == "q":
            value = value.strip()
            return float(value) if _WEIGHT.fullmatch(value) else None
    return 1.0


def _is_variant(parameters: Sequence[str]) -> bool:
    """Say whether there is a parameter that makes another thing of a type."""
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        name, value = name.strip(), value.strip().strip('"')
        if name == "q":
            return False  # Extensions of the field, not of the type (RFC 9110 section 12.5.1).
        if parameter and not (name == "charset" and value in ("utf-8", "utf8")):
            return True
    return False
