"""A request as it is typed."""

import pytest

from examples.middleware.question import Question


@pytest.mark.parametrize(
    ("question", "mistake"),
    [
        (Question(method="BREW"), "the method must be one of GET, HEAD"),
        (Question(path="lobby"), "a path must begin with a slash: 'lobby'"),
        (Question(path="/\x00"), "a path must begin with a slash"),
        (Question(headers="Accept"), "a header must be a line of `Name: value`: 'Accept'"),
        (Question(headers="A B: c"), "a header must be a line of"),
        (Question(headers="A: b\x00"), "a header must be a line of"),
    ],
    ids=["method", "path", "control", "no colon", "blank", "control in header"],
)
def test_what_is_no_request_is_refused(question: Question, mistake: str) -> None:
    with pytest.raises(ValueError, match=mistake):
        question.check()


def test_field_that_comes_twice_is_one_list() -> None:
    question = Question(headers="Host: here\nX-Forwarded-For: a\nx-forwarded-for: b")
    environ = question.environ("localhost")
    assert environ["HTTP_X_FORWARDED_FOR"] == "a,b"
    assert environ["HTTP_HOST"] == "here"
