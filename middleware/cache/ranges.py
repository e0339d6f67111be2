"""Byte ranges: what a request asks for, what a 206 holds, and how parts join.

RFC 9110 section 14, RFC 9111 sections 3.3 and 3.4.
"""

import re
from dataclasses import dataclass

from middleware.cache.client_conditions import strongly_equal
from middleware.cache.dates import parse_date

# More ranges than a reader of a document needs are an old way to overload a server (RFC 9110
# section 17.15): such a request gets the whole.
MAX_RANGES = 8

# Numbers larger than any file are read, up to a limit.
_SPEC = re.compile(r"(\d{0,100})-(\d{0,100})", re.ASCII)
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes `start` up to, not including, `stop` of a representation of `total` bytes."""

    start: int
    stop: int
    total: int

    @property
    def size(self) -> int:
        return self.stop - self.start

    @property
    def is_whole(self) -> bool:
        return self.size == self.total

    def covers(self, other: "Span") -> bool:
        """Return whether the other span lies within this one, of a representation as long."""
        return self.total == other.total and self.start <= other.start and other.stop <= self.stop

    def content_range(self) -> str:
        """Write the Content-Range of this part."""
        return f"bytes {self.start}-{self.stop - 1}/{self.total}"


def parse_range(value: str, total: int) -> list[Span] | None:
    """Resolve a Range against a length, in the order asked.

    None if it has to be ignored: no range of bytes, malformed, or too many ranges
    (RFC 9110 section 14.2). An empty list if none can be satisfied.
    """
    unit, _, specs = value.partition("=")
    if unit.strip().lower() != "bytes":
        return None
    spans: list[Span] = []
    # Empty members of a list count for nothing (RFC 9110 section 5.6.1).
    members = [stripped for member in specs.split(",") if (stripped := member.strip())]
    if not 0 < len(members) <= MAX_RANGES:
        return None
    for member in members:
        match = _SPEC.fullmatch(member)
        if not match or match.group() == "-":
            return None
        first, last = match.groups()
        if first and last and int(last) < int(first):
            return None
        span = _resolve(first, last, total)
        if span.size > 0:
            spans.append(span)
    # Overlapping ranges would send bytes twice: also a way to overload a server.
    if sum(span.size for span in spans) > total:
        return None
    return spans


def _resolve(first: str, last: str, total: int) -> Span:
    if not first:
        return Span(max(0, total - int(last)), total, total)
    stop = min(int(last) + 1, total) if last else total
    return Span(int(first), stop, total)


def suffix_length(value: str) -> int | None:
    """Return N if the Range is `bytes=-N` and nothing else."""
    unit, _, spec = value.partition("=")
    length = spec.strip().removeprefix("-")
    if unit.strip().lower() != "bytes" or length == spec.strip() or not length.isdecimal():
        return None
    return int(length)


def span_of_part(content_range: str, size: int, asked: str) -> Span | None:
    """Return which bytes a 206 holds, or None if that cannot be known.

    Its Content-Range counts if it agrees with the number of bytes that came.
    If it does not, but the client asked for the last N bytes and N came, they
    are the last N: request and content agree with each other.
    """
    match = _CONTENT_RANGE.fullmatch(content_range.strip())
    if not match:
        return None
    first, last, total = map(int, match.groups())
    if last >= total or first > last:
        return None
    if last - first + 1 == size:
        return Span(first, last + 1, total)
    if suffix_length(asked) == size and last + 1 == total and size <= total:
        return Span(total - size, total, total)
    return None


def join(one: Span, other: Span) -> Span | None:
    """Return the span of two overlapping or touching parts together, or None."""
    if one.total != other.total or one.start > other.stop or other.start > one.stop:
        return None
    return Span(min(one.start, other.start), max(one.stop, other.stop), one.total)


def range_applies(
    if_range: str | None, etag: str | None, last_modified: str | None, date: float
) -> bool:
    """Evaluate If-Range (RFC 9110 section 13.1.5): without a strong match, no range.

    A date matches only the exact Last-Modified, and only if that is enough older
    than Date to be a strong validator (section 8.8.2.2).
    """
    if if_range is None:
        return True
    if '"' in if_range:
        return strongly_equal(etag, if_range.strip())
    modified = parse_date(last_modified or "", date)
    return modified is not None and last_modified == if_range.strip() and modified < date
