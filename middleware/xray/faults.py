"""Name the faults that `middleware.xray.lint` finds, each with the clause that it breaks."""

from __future__ import annotations

from typing import NamedTuple

START = 'PEP 3333, "The start_response() Callable"'
DETAILS = 'PEP 3333, "Specification Details"'
ENVIRON = 'PEP 3333, "environ Variables"'
INPUT = 'PEP 3333, "Input and Error Streams"'
BLOCKS = 'PEP 3333, "Middleware Handling of Block Boundaries"'
ERRORS = 'PEP 3333, "Error Handling"'
STRINGS = 'PEP 3333, "A Note On String Types"'

# Code: (what is wrong, the clause).
FAULTS: dict[str, tuple[str, str]] = {
    "close-lost": ("close() of the body was never called", DETAILS),
    "close-twice": ("close() of the body was called more than once", DETAILS),
    "read-after-close": ("the body was read after its close()", DETAILS),
    "start-twice": ("start_response was called again without exc_info", START),
    "start-missing": ("the body ended and start_response was never called", START),
    "start-late": ("bytes came before start_response", START),
    "start-named": ("start_response was called with names of arguments", START),
    "start-write": ("start_response returned nothing to write with", START),
    "status-malformed": ("the status is not a status line", START),
    "headers-type": ("the headers are not a list of pairs of text", START),
    "header-malformed": ("a header cannot be sent", "RFC 9110 section 5.5; " + START),
    "header-name": ("a header's name is not a token", "RFC 9110 section 5.1"),
    "header-twice": ("a header stands twice that may stand once", "RFC 9110 section 5.3"),
    "header-hop-by-hop": (
        "a header is the server's alone", 'PEP 3333, "Other HTTP Features"; RFC 9110 section 7.6.1'
    ),
    "header-status": ("a header is named Status", START),
    "cookies-joined": ("several cookies were joined in one line", "RFC 6265 section 3"),
    "cookie-twice": ("a cookie is set twice", "RFC 6265 section 4.1.1"),
    "length-wrong": ("Content-Length is not the length of the body", "RFC 9110 section 8.6"),
    "length-malformed": ("Content-Length is not a number", "RFC 9110 section 8.6"),
    "length-not-allowed": ("Content-Length stands where there is no body", "RFC 9110 section 8.6"),
    "body-on-head": ("the response to HEAD has a body", "RFC 9110 section 9.3.2"),
    "body-on-204": ("a 204 has a body", "RFC 9110 section 15.3.5"),
    "body-on-205": ("a 205 has a body", "RFC 9110 section 15.3.6"),
    "body-on-304": ("a 304 has a body", "RFC 9110 section 15.4.5"),
    "body-type": ("the application returned no iterable of bytes", DETAILS),
    "chunk-type": ("a chunk of the body is not bytes", STRINGS),
    "chunk-held": ("a chunk was held back while the next was taken", BLOCKS),
    "write-lost": ("what was passed to write() did not go up", START),
    "write-late": ("write() was called while the body was iterated", START),
    "type-lost": ("Content-Type was lost, and the body was not", "RFC 9110 section 8.3"),
    "field-lost": ("a field was lost that the status demands", "RFC 9110 section 15"),
    "cookie-lost": ("of several cookies only the last is left", "RFC 6265 section 3"),
    "encoding-wrong": (
        "Content-Encoding was changed, and the bytes were not", "RFC 9110 section 8.4"
    ),
    "range-wrong": ("the body is not of the length that Content-Range says",
                    "RFC 9110 section 14.4"),
    "vary-lost": ("Vary lost a name", "RFC 9110 section 12.5.5"),
    "vary-missing": (
        "the body was encoded, and Vary does not name Accept-Encoding", "RFC 9110 section 12.5.5"
    ),
    "etag-malformed": ("an ETag is not a tag in quotes", "RFC 9110 section 8.8.3"),
    "etag-kept": ("the bytes were changed under the same strong ETag", "RFC 9110 section 8.8.1"),
    "digest-kept": ("the bytes were changed under the same digest", "RFC 9530 section 2"),
    "date-malformed": ("a date is not one of HTTP's", "RFC 9110 section 5.6.7"),
    "not-modified-fields": ("a 304 lacks a field that its 200 had", "RFC 9110 section 15.4.5"),
    "date-moved": ("Date is not that of the response below", "RFC 9110 section 6.6.1"),
    "environ-class": ("environ is not a dict", ENVIRON),
    "environ-value": ("environ has a value that it may not have", ENVIRON),
    "input-past-end": ("wsgi.input was read past its end", INPUT),
    "input-taken": ("what was read of wsgi.input is missing below", INPUT),
    "input-short": ("wsgi.input has less than CONTENT_LENGTH says", INPUT),
    "input-closed": ("wsgi.input was closed", INPUT),
    "exception-swallowed": ("an exception from below was swallowed", ERRORS),
    "refusal-swallowed": ("what start_response raised was swallowed", ERRORS),
    "slow": ("a slow layer", "a limit of X-ray's own"),
}  # fmt: skip


class Fault(NamedTuple):
    """A fault, and the layer that made it."""

    layer: str
    code: str
    detail: str

    @property
    def title(self) -> str:
        return FAULTS[self.code][0]

    @property
    def clause(self) -> str:
        return FAULTS[self.code][1]

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.layer}: {self.title}{detail}. {self.clause}"


class Finding(NamedTuple):
    """Something wrong with a visit, whoever made it; layers above may only have passed it on."""

    code: str
    detail: str = ""
