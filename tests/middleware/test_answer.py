from __future__ import annotations

from wsgiref.types import WSGIApplication

import pytest

from middleware.answer import Answer
from tests.middleware.contract import AnswerContract
from tests.middleware.serving import serve


class TestContract(AnswerContract):
    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        return Answer("200 OK", "hello", [("X", "y")])


def test_answer_counts_bytes_not_letters() -> None:
    done = serve(Answer("200 OK", "ü", [("X", "y")]))
    assert done.content == "ü".encode()
    assert done.header("Content-Length") == "2"
    assert done.header("X") == "y"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answer_without_content_has_no_fields_about_it(status: str) -> None:
    done = serve(Answer(status, headers=[("ETag", '"1"')]))
    assert (done.headers, done.chunks) == ([("ETag", '"1"')], [])
    with pytest.raises(ValueError, match="no content"):
        Answer(status, "a body")
