"""Read and write HTTP's dates (RFC 9110 section 5.6.7).

The parser is strict, because an `Expires` that is not in one of the three forms
means "already expired" (RFC 9111 section 5.3). The standard library's
`email.utils.parsedate` accepts nearly anything, other time zones included.
"""

import re
from datetime import UTC, datetime
from email.utils import formatdate

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = "(?:mon|tue|wed|thu|fri|sat|sun)"
_LONG_DAY = "(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"

# Case is ignored: the grammar is case-sensitive, but leniency does no harm here.
_FORMS = tuple(
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        rf"{_DAY}, (?P<day>\d\d) {_MONTH} (?P<year>\d{{4}}) {_TIME} GMT",
        rf"{_LONG_DAY}, (?P<day>\d\d)-{_MONTH}-(?P<year>\d\d) {_TIME} GMT",
        rf"{_DAY} {_MONTH} (?P<day>\d\d| \d) {_TIME} (?P<year>\d{{4}})",
    )
)


def parse_date(text: str, now: float) -> int | None:
    """Return the seconds since 1970 of an IMF-fixdate, RFC 850 or asctime date, or None.

    `now` resolves RFC 850's two-digit years: a date that appears to be more than
    50 years in the future is in the past century.
    """
    for form in _FORMS:
        if match := form.fullmatch(text):
            return _seconds(match, now)
    return None


def format_date(seconds: float) -> str:
    """Write an IMF-fixdate."""
    return formatdate(int(seconds), usegmt=True)


def _seconds(match: re.Match[str], now: float) -> int | None:
    year = int(match["year"])
    if len(match["year"]) == 2:
        this_year = datetime.fromtimestamp(now, UTC).year
        year += this_year // 100 * 100
        if year > this_year + 50:
            year -= 100
    # RFC 9110 allows a leap second, which datetime does not know: count it as the one before.
    second = min(int(match["second"]), 59) if match["second"] == "60" else int(match["second"])
    try:
        moment = datetime(
            year,
            _MONTHS.index(match["month"].lower()) + 1,
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            second,
            tzinfo=UTC,
        )
    except ValueError:
        return None  # Digits in the right places, but no such day or hour.
    return int(moment.timestamp())
