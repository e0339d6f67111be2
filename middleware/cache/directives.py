"""Parse Cache-Control in requests and responses, and the targeted fields of RFC 9213.

Where a directive is malformed or contradicts itself, the reading that lets the
cache do less is taken: a wrong `max-age` counts as 0, so the response is stale
(RFC 9111 section 4.2.1), and `no-store` counts however it is spelled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from middleware._fields import split_list
from middleware.cache.structured import Item, StructuredFieldError, parse_dictionary

# A larger number means this one (RFC 9111 section 1.2.2).
MAX_SECONDS = 2**31

Arguments = Mapping[str, Sequence[str | None]]


@dataclass(frozen=True, slots=True)
class ResponseDirectives:
    """What a response says of its caching (RFC 9111 section 5.2.2, RFC 5861)."""

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
        """Say whether a stale response needs validation whatever happens (5.2.2.2, .8, .10)."""
        return (
            self.must_revalidate
            or self.proxy_revalidate
            or self.no_cache
            or self.s_maxage is not None
        )


@dataclass(frozen=True, slots=True)
class RequestDirectives:
    """What a client asks of caches (RFC 9111 section 5.2.1, RFC 5861 section 4)."""

    max_age: int | None = None
    max_stale: int = 0
    min_fresh: int = 0
    stale_if_error: int | None = None
    no_cache: bool = False
    no_store: bool = False
    only_if_cached: bool = False


def parse_response_directives(value: str) -> ResponseDirectives:
    """Parse a response's Cache-Control."""
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
    arguments: dict[str, list[str | None]] = {}
    for name, member in members.items():
        content = member.value if isinstance(member, Item) else ()
        if content is True:
            arguments[name] = [None]
        elif content is not False:
            # Quotes inside quotes: nothing that was no number can be read as one.
            arguments[name] = [str(content) if type(content) is int else f'""{content!r}""']
            if type(content) is str and name in _FIELD_LISTS:
                arguments[name] = [f'"{content}"']
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


_FIELD_LISTS = ("no-cache", "private")


def _arguments(value: str) -> Arguments:
    """Group the arguments by directive: a directive may be repeated."""
    arguments: dict[str, list[str | None]] = {}
    for member in split_list(value):
        name, equals, argument = member.partition("=")
        # With space around "=" it is malformed: the name counts, the argument keeps the
        # space, or gets one, and so is no number.
        malformed = name != name.rstrip()
        arguments.setdefault(name.strip().lower(), []).append(
            (" " * malformed + argument) if equals else None
        )
    return arguments


def _response_directives(arguments: Arguments) -> ResponseDirectives:
    listed = frozenset(
        name for directive in _FIELD_LISTS for name in _field_names(arguments.get(directive, ()))
    )
    return ResponseDirectives(
        max_age=_seconds(arguments, "max-age"),
        s_maxage=_seconds(arguments, "s-maxage"),
        stale_while_revalidate=_seconds(arguments, "stale-while-revalidate") or 0,
        stale_if_error=_seconds(arguments, "stale-if-error"),
        no_store="no-store" in arguments,
        no_cache=_without_list(arguments.get("no-cache", ())),
        private=_without_list(arguments.get("private", ())),
        public="public" in arguments,
        must_revalidate="must-revalidate" in arguments,
        proxy_revalidate="proxy-revalidate" in arguments,
        must_understand="must-understand" in arguments,
        unstored_fields=listed,
    )


def _seconds(arguments: Arguments, name: str) -> int | None:
    """Read delta-seconds: None if absent, 0 if malformed or if two values differ (4.2.1)."""
    if name not in arguments:
        return None
    values = {_delta_seconds(argument) for argument in arguments[name]}
    return values.pop() if len(values) == 1 else 0


def _delta_seconds(argument: str | None) -> int:
    # A quoted number is accepted, as RFC 9111 section 5.2 asks of recipients.
    if argument and len(argument) > 2 and argument[0] == argument[-1] == '"':
        argument = argument[1:-1]
    if not argument or not (argument.isascii() and argument.isdigit()):
        return 0
    return min(int(argument), MAX_SECONDS) if len(argument) < 20 else MAX_SECONDS


def _max_stale(arguments: Arguments) -> int:
    """Without an argument, any staleness is accepted (RFC 9111 section 5.2.1.2)."""
    if None in arguments.get("max-stale", ()):
        return MAX_SECONDS
    return _seconds(arguments, "max-stale") or 0


def _field_names(arguments: Sequence[str | None]) -> list[str]:
    return [name.lower() for argument in arguments for name in _quoted_list(argument)]


def _without_list(arguments: Sequence[str | None]) -> bool:
    """Say whether the directive is there and covers the whole response."""
    return any(not _quoted_list(argument) for argument in arguments)


def _quoted_list(argument: str | None) -> list[str]:
    """Read a list of field names; only a quoted one is one (RFC 9111 section 5.2.2.4)."""
    if argument is None or len(argument) < 2 or not argument[0] == argument[-1] == '"':
        return []
    return split_list(argument[1:-1])
