from ngw2f.errors import DomainError, TooMany
from ngw2f.web.errors import STATUSES


def test_each_has_a_status_of_http() -> None:
    assert set(STATUSES) == set(DomainError.__subclasses__())


def test_says_why_and_when_it_may_be_tried_again() -> None:
    error = TooMany("too many messages", retry_after=3, policy="post")
    assert (str(error), error.detail, error.retry_after) == ("too many messages",) * 2 + (3,)
