"""Compare what a layer got with what it passed on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from middleware.xray.values import Fields, kept_value

Entries: TypeAlias = list[tuple[str, object, object]]

MAX_CHANGES = 100
ABSENT = object()
# Their values are compared at no cost.
SIMPLE = (str, int, float, tuple)


class Change(NamedTuple):
    """One entry that differs: `before` is None if it was added, `after` if it was removed."""

    name: str
    before: str | None
    after: str | None

    @property
    def sign(self) -> str:
        """Return `+`, `-` or `~`."""
        return "+" if self.before is None else "-" if self.after is None else "~"


class Differences:
    """The entries that one layer added, changed and removed."""

    __slots__ = ("changes",)

    def __init__(self, changes: list[Change] | tuple[Change, ...] = ()) -> None:
        self.changes = tuple(changes[:MAX_CHANGES])

    def __bool__(self) -> bool:
        return bool(self.changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    @property
    def added(self) -> dict[str, str]:
        return {c.name: c.after for c in self.changes if c.before is None and c.after is not None}

    @property
    def removed(self) -> dict[str, str]:
        return {c.name: c.before for c in self.changes if c.after is None and c.before is not None}

    @property
    def changed(self) -> dict[str, tuple[str, str]]:
        return {
            c.name: (c.before, c.after)
            for c in self.changes
            if c.before is not None and c.after is not None
        }


NO_DIFFERENCES = Differences()


def is_same(before: Mapping[str, object], after: Mapping[str, object]) -> bool:
    """Say whether all is equal. Nearly always all values are the same objects, seen at once.

    For one replaced by an equal one of another type see `retyped_entries`.
    """
    try:
        return before == after
    except Exception:
        # Some values cannot be compared.
        return False


def changed_entries(
    before: Mapping[str, object], after: Mapping[str, object]
) -> tuple[Entries, list[str]]:
    """Return the entries of environ that differ, as name, old and new value; and those removed.

    Values other than text are compared by identity: comparing them may cost, or fail.
    """
    changed = []
    for name, value in after.items():
        old = before.get(name, ABSENT)
        if old is not value and (type(value) is not str or old != value):
            changed.append((name, old, value))
    # Most layers remove nothing, and then the numbers say so.
    added = sum(old is ABSENT for _, old, _ in changed)
    if len(before) + added == len(after):
        return changed, []
    return changed, [name for name in before if name not in after]


def retyped_entries(
    names: Iterable[str], before: Iterable[object], after: Iterable[object]
) -> Entries:
    """Return the entries whose value was replaced by an equal one of another type.

    `before`, `after`: the values of equal mappings, in the order of the names.
    """
    return [
        (name, old, value)
        for name, old, value in zip(names, before, after, strict=True)
        if type(old) is not type(value) and isinstance(value, SIMPLE) and old == value
    ]


def differences_of_environs(
    before: Mapping[str, object], changed: Entries, removed: list[str]
) -> Differences:
    """Return what may be recorded of the entries that differ."""
    if not changed and not removed:
        return NO_DIFFERENCES
    changes = [
        Change(
            str(name),
            None if old is ABSENT else kept_value(str(name), old),
            kept_value(str(name), value),
        )
        for name, old, value in changed
    ]
    changes += [Change(str(name), kept_value(str(name), before[name]), None) for name in removed]
    return Differences(changes)


def differences_of_fields(before: Fields, after: Fields) -> Differences:
    """Compare two header lists by the names of the fields; several lines are one value."""
    old, new = joined(before), joined(after)
    changes = [
        Change(name, old.get(key, (name, None))[1], value)
        for key, (name, value) in new.items()
        if key not in old or old[key][1] != value
    ]
    changes += [Change(name, value, None) for key, (name, value) in old.items() if key not in new]
    return Differences(changes)


def joined(fields: Fields) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for name, value in fields:
        key = name.lower()
        found[key] = (name, f"{found[key][1]}, {value}" if key in found else value)
    return found
