"""Parse Cache-Control in requests and responses, and the targeted fields of RFC 9213.

A directive that is malformed or contradicts itself is read in the way that lets
the cache do less: a wrong `max-age` counts as 0, so the response is stale (RFC
9111 section 4.2.1), and `no-store` counts even with an argument.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from middleware._fields import split_list
from middleware.cache.structured import Item, Member, StructuredFieldError, parse_dictionary

# A larger number means this one (RFC 9111 section 1.2.2).
MAX_SECONDS = 2**31


@dataclass(frozen=True, slots=True)
class Argument:
    """What follows the name of a directive, read in both ways that a directive may need."""

    # 0 if the argument is not a number: the response is then stale.
    seconds: int = 0
    # The names of fields, in lower case; none if the argument is not a list of them.
    fields: tuple[str, ...] = ()
    is_given: bool = True


Arguments = Mapping[str, Sequence[Argument]]

_NO_ARGUMENT = Argument(is_given=False)
# Another type than the directive takes: the directive counts as if it had no argument.
_MALFORMED = Argument()


@dataclass(frozen=True, slots=True)
class ResponseDirectives:
    """A response's directives (RFC 9111 section 5.2.2, RFC 5861)."""

    max_age: int | None = None
    s_maxage: int | None = None
    stale_while_revalidate: int = 0
    stale_if_error: int | None = None
    no_store: bool = False
    no_cache: bool = False
    private: bool = False
    public: bool = False
    must_revalidate: bool = False
    proxy_revalidate: bool = False
    must_understand: bool = False
    # Named by no-cache="..." and private="...": the response is stored without these fields.
    unstored_fields: frozenset[str] = frozenset()

    @property
    def forbids_stale(self) -> bool:
        """Return whether a stale response must never be served (5.2.2.2, .8, .10)."""
        return (
            self.must_revalidate
            or self.proxy_revalidate
            or self.no_cache
            or self.s_maxage is not None
        )


@dataclass(frozen=True, slots=True)
class RequestDirectives:
    """A request's directives (RFC 9111 section 5.2.1, RFC 5861 section 4)."""

    max_age: int | None = None
    max_stale: int = 0
    min_fresh: int = 0
    stale_if_error: int | None = None
    no_cache: bool = False
    no_store: bool = False
    only_if_cached: bool = False


@lru_cache(256)
def parse_response_directives(value: str) -> ResponseDirectives:
    """Parse a response's Cache-Control; applications use the same few values again and again."""
    return _response_directives(_arguments(value))


def parse_targeted_directives(value: str) -> ResponseDirectives | None:
    """Parse a targeted field; None if it is empty or invalid and so has no effect (RFC 9213 2.1).

    It is a structured Dictionary. A directive whose value has the wrong type is
    malformed: `max-age="60"` is a string, not a number of seconds.
    """
    try:
        members = parse_dictionary(value)
    except StructuredFieldError:
        return None
    arguments = {
        name: [_typed_argument(member)]
        for name, member in members.items()
        if not isinstance(member, Item) or member.value is not False
    }
    return _response_directives(arguments) if members else None


def parse_request_directives(cache_control: str | None, pragma: str | None) -> RequestDirectives:
    """Parse a request's Cache-Control, and without one its Pragma (RFC 9111 section 5.4)."""
    if cache_control is None:
        asks = pragma is not None and "no-cache" in map(str.lower, split_list(pragma))
        return RequestDirectives(no_cache=asks)
    arguments = _arguments(cache_control)
    return RequestDirectives(
        max_age=_seconds(arguments, "max-age"),
        max_stale=_max_stale(arguments),
        min_fresh=_seconds(arguments, "min-fresh") or 0,
        stale_if_error=_seconds(arguments, "stale-if-error"),
        no_cache="no-cache" in arguments,
        no_store="no-store" in arguments,
        only_if_cached="only-if-cached" in arguments,
    )


def _arguments(value: str) -> Arguments:
    """Group the arguments by directive: a directive may be repeated."""
    arguments: dict[str, list[Argument]] = {}
    for member in split_list(value):
        name, equals, text = member.partition("=")
        argument = _NO_ARGUMENT
        if equals:
            # With space before "=" the directive is malformed; the name counts all the same.
            argument = _MALFORMED if name != name.rstrip() else _parse_argument(text)
        arguments.setdefault(name.strip().lower(), []).append(argument)
    return arguments


def _parse_argument(text: str) -> Argument:
    if len(text) < 2 or not text[0] == text[-1] == '"':
        return Argument(_delta_seconds(text))
    # A quoted number is accepted, as RFC 9111 section 5.2 asks of recipients. Only a quoted list
    # is a list of field names (section 5.2.2.4).
    return Argument(_delta_seconds(text[1:-1]), _field_names(text[1:-1]))


def _typed_argument(member: Member) -> Argument:
    """Read the value of a structured field, where each type stands for itself alone."""
    value = member.value if isinstance(member, Item) else None
    if value is True:
        return _NO_ARGUMENT
    if type(value) is int:
        return Argument(max(0, min(value, MAX_SECONDS)))
    # A Token is a str as well, and no list of names.
    return Argument(fields=_field_names(value)) if type(value) is str else _MALFORMED


def _response_directives(arguments: Arguments) -> ResponseDirectives:
    listing = (*arguments.get("no-cache", ()), *arguments.get("private", ()))
    return ResponseDirectives(
        max_age=_seconds(arguments, "max-age"),
        s_maxage=_seconds(arguments, "s-maxage"),
        stale_while_revalidate=_seconds(arguments, "stale-while-revalidate") or 0,
        stale_if_error=_seconds(arguments, "stale-if-error"),
        no_store="no-store" in arguments,
        no_cache=_covers_all(arguments.get("no-cache", ())),
        private=_covers_all(arguments.get("private", ())),
        public="public" in arguments,
        must_revalidate="must-revalidate" in arguments,
        proxy_revalidate="proxy-revalidate" in arguments,
        must_understand="must-understand" in arguments,
        unstored_fields=frozenset(name for argument in listing for name in argument.fields),
    )


def _seconds(arguments: Arguments, name: str) -> int | None:
    """Read delta-seconds: None if absent, 0 if malformed or if two values differ (4.2.1)."""
    if name not in arguments:
        return None
    values = {argument.seconds for argument in arguments[name]}
    return values.pop() if len(values) == 1 else 0


def _delta_seconds(digits: str) -> int:
    if not (digits.isascii() and digits.isdigit()):
        return 0
    return min(int(digits), MAX_SECONDS) if len(digits) < 20 else MAX_SECONDS


def _max_stale(arguments: Arguments) -> int:
    """Without an argument, any staleness is accepted (RFC 9111 section 5.2.1.2)."""
    if _NO_ARGUMENT in arguments.get("max-stale", ()):
        return MAX_SECONDS
    return _seconds(arguments, "max-stale") or 0


def _field_names(text: str) -> tuple[str, ...]:
    return tuple(name.lower() for name in split_list(text))


def _covers_all(arguments: Sequence[Argument]) -> bool:
    """Return whether the directive is there and covers the whole response, not only some fields."""
    return any(not argument.fields for argument in arguments)
