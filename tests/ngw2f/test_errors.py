import pytest

from ngw2f.errors import DomainError, TooMany, Unauthenticated, Unavailable
from ngw2f.web.errors import STATUSES, http_error

HTTPS = {
    **{error: (error("why"), status, None) for error, status in STATUSES.items() if status < 429},
    TooMany: (TooMany("why", retry_after=3, policy="post"), 429, "3"),
    Unavailable: (Unavailable("why", retry_after=4), 503, "4"),
}


def test_each_has_a_status_of_http() -> None:
    assert set(STATUSES) == set(DomainError.__subclasses__())


def test_says_why_and_when_it_may_be_tried_again() -> None:
    error = TooMany("too many messages", retry_after=3, policy="post")
    assert (str(error), error.detail, error.retry_after) == ("too many messages",) * 2 + (3,)


@pytest.mark.parametrize(
    ("error", "status", "retry_after"), HTTPS.values(), ids=[each.__name__ for each in HTTPS]
)
def test_becomes_one_of_http(error: DomainError, status: int, retry_after: str | None) -> None:
    answer = http_error(error)
    headers = dict(answer.get_headers())
    assert (answer.code, answer.description) == (status, "why")
    assert headers.get("Retry-After") == retry_after
    assert ("WWW-Authenticate" in headers) is isinstance(error, Unauthenticated)
