"""What `wsgiref.validate` says about applications that work by luck: python validate.py."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import WSGIWarning, validator

# They violate the types, so they declare none.
Application = Callable[[Any, Any], Any]


def text_body(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[str]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return ["hello\n"]


def bytes_not_in_a_list(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[int]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return b"hello\n"


def number_as_value(environ: WSGIEnvironment, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", 6)])
    return [b"hello\n"]


def status_without_reason(environ: WSGIEnvironment, start_response: Any) -> Iterable[bytes]:
    start_response("200", [("Content-Type", "text/plain")])
    return [b"hello\n"]


def header_of_the_server(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Status", "200 OK")])
    return [b"hello\n"]


def no_start(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return [b"hello\n"]


def right(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello\n"]


ALL: list[Application] = [
    text_body, bytes_not_in_a_list, number_as_value, status_without_reason,
    header_of_the_server, no_start, right,
]  # fmt: skip


def judge(app: WSGIApplication) -> str:
    """Run a request as a server does, through the validator."""
    environ: WSGIEnvironment = {"QUERY_STRING": ""}
    setup_testing_defaults(environ)
    try:
        body = validator(app)(environ, lambda *_start: print)
        try:
            list(body)
        finally:
            body.close()  # type: ignore[attr-defined] # The validator's own iterator has it.
    except (AssertionError, WSGIWarning) as error:
        return str(error)
    return "nothing to say"


if __name__ == "__main__":
    warnings.simplefilter("error")
    for each in ALL:
        print(f"{each.__name__}: {judge(each)}")
