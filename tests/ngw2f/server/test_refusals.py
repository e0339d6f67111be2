import pytest
from gunicorn.http import errors

from ngw2f.server.refusals import REFUSALS, refusal_of, written

SECRET = "Bearer secret"


@pytest.mark.parametrize("kind", [*REFUSALS, errors.InvalidHTTPVersion])
def test_nothing_that_the_client_wrote_is_said(kind: type[Exception]) -> None:
    error = kind() if kind is errors.InvalidSchemeHeaders else kind(SECRET)
    refusal = refusal_of(error)
    assert refusal is not None
    assert "secret" not in written(*refusal).decode()


def test_field_that_is_known_is_named() -> None:
    assert refusal_of(errors.InvalidHeader("HOST")) == (
        400, "Host is missing, malformed or there twice"
    )  # fmt: skip


@pytest.mark.parametrize(("version", "status"), [((2, 0), 505), ("secret", 400)])
def test_version(version: object, status: int) -> None:
    refusal = refusal_of(errors.InvalidHTTPVersion(version))
    assert refusal is not None
    assert refusal[0] == status


@pytest.mark.parametrize("error", [ValueError(), errors.InvalidResponseHeader("X")])
def test_our_own_mistakes_are_none_of_the_clients(error: Exception) -> None:
    assert refusal_of(error) is None


def test_answer_is_a_problem_and_the_last_one() -> None:
    head, _, body = written(505, "why").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 505 HTTP Version Not Supported\r\nDate: ")
    assert b"\r\nConnection: close\r\nContent-Type: application/problem+json\r\n" in head
    assert b"Content-Length: %d" % len(body) in head
    assert b'"detail":"why"' in body
