from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from middleware.negotiation import Accept, best_language, coding_weight

OFFERS = ["text/event-stream", "application/x-ndjson", "text/plain"]
SSE, LINES, TEXT = OFFERS


@pytest.mark.parametrize(
    ("field", "best"),
    [
        (None, SSE),
        ("", SSE),
        (" ", SSE),
        (",,", SSE),
        ("*/*", SSE),
        ("text/*", SSE),
        ("application/*", LINES),
        ("text/plain", TEXT),
        ("TEXT/Plain", TEXT),
        ("text/event-stream;charset=utf-8", SSE),
        ("text/plain; charset=UTF-8", TEXT),
        ('text/plain;charset="utf-8"', TEXT),
        ("text/plain ; q=0.5", TEXT),
        ("text/plain;Q=0.5", TEXT),
        ("text/plain;charset=iso-8859-1", TEXT),
        ("text/plain;format=flowed;q=0.3, application/x-ndjson;q=0.2", TEXT),
        ("text/event-stream;q=0.5, text/plain;q=0.6", TEXT),
        ("text/plain;q=0.001", TEXT),
        ("text/plain;q=1.000", TEXT),
        ("text/plain;q=0.", None),
        ("*/*;q=0.1, text/plain", TEXT),
        ("*/*, text/plain", TEXT),
        ("text/event-stream;q=0, */*", LINES),
        ("text/event-stream;q=0.0, text/*", TEXT),
        ("text/event-stream;charset=utf-8;q=0, text/*", TEXT),
        ("text/*;q=0, */*", LINES),
        ("*/*;q=0, text/plain", TEXT),
        ("text/plain;q=0", None),
        ("text/plain;version=1;q=0, text/plain;q=0.5", TEXT),
        ("text/plain;q=0.5;ext=1", TEXT),
        ('text/plain;x="a,b;q=0";q=0.4, text/event-stream;q=0.3', TEXT),
        ('text/plain;x="\\"";q=0.4, text/event-stream;q=0.3', TEXT),
        ('text/plain;x="never closed, text/event-stream', TEXT),
        ("image/png", None),
        ("*/*;q=0", None),
        ("text/html, application/xhtml+xml", None),
        ("text/event-streams", None),
        # Malformed members are left out, and nothing else is all that there is.
        ("text/event-stream;q=2", SSE),
        ("text/plain;q=2, application/x-ndjson", LINES),
        ("text/plain;q=-1, application/x-ndjson", LINES),
        ("text/plain;q=, application/x-ndjson", LINES),
        ("text/plain;q=0.0001, application/x-ndjson", LINES),
        ("text/plain;q=\u0661, application/x-ndjson", LINES),
        ("text/plain;q=nan, application/x-ndjson", LINES),
        ("text, application/x-ndjson", LINES),
        ("*/plain, application/x-ndjson", LINES),
        ("text/plain/x, application/x-ndjson", LINES),
        ("te xt/plain, application/x-ndjson", LINES),
        ("/", SSE),
        ("*", SSE),
        (";;;q=x", SSE),
    ],
)
def test_best(field: str | None, best: str | None) -> None:
    assert Accept(field).best(OFFERS) == best


def test_order_of_lines_makes_no_difference() -> None:
    members = ["text/plain;q=0.4", "application/x-ndjson;q=0.5", "*/*;q=0.1"]
    assert Accept(", ".join(members)).best(OFFERS) == LINES
    assert Accept(", ".join(reversed(members))).best(OFFERS) == LINES


def test_names_are_those_of_types() -> None:
    accept = Accept("Text/HTML;q=0.5, text/*")
    assert [accept.names(name) for name in ("text/html", "text/plain")] == [True, False]


def test_members_are_bounded() -> None:
    assert Accept(", ".join(["a/b"] * 1000 + [TEXT])).best(OFFERS) is None


@given(st.text(alphabet=st.sampled_from('aA/*;,=q01. \t"\\té\u0661'), max_size=60))
def test_any_field_has_an_answer(field: str) -> None:
    assert Accept(field).best(OFFERS) in {*OFFERS, None}
    assert 0 <= coding_weight(field, "gzip") <= 1
    assert best_language(field, ("a", "aa")) in ("a", "aa", None)


@pytest.mark.parametrize(
    ("field", "gzip", "identity"),
    [
        (None, 0, 1),
        ("", 0, 1),
        ("gzip", 1, 1),
        ("GZIP", 1, 1),
        ("x-gzip", 1, 1),
        ("gzip;q=0", 0, 1),
        ("gzip ; q=0.5", 0.5, 1),
        ("br", 0, 1),
        ("*", 1, 1),
        ("*;q=0", 0, 0),
        ("gzip, *;q=0", 1, 0),
        ("identity;q=0, *", 1, 0),
        ("gzip;q=0, *", 0, 1),
        ("notgzip", 0, 1),
        ("gzip;q=x", 0, 1),
    ],
)
def test_coding_weight(field: str | None, gzip: float, identity: float) -> None:
    assert (coding_weight(field, "gzip"), coding_weight(field, "identity")) == (gzip, identity)


@pytest.mark.parametrize(
    ("field", "best"),
    [
        (None, None),
        ("", None),
        ("fr, it", None),
        ("de", "de"),
        ("DE-at", "de"),
        ("en-GB, en;q=0.9, de;q=0.8", "en"),
        ("de-AT, en;q=0.9", "de"),
        ("fr, de;q=0.7, en;q=0.3", "de"),
        ("de, en", "de"),
        ("en, de", "en"),
        ("fr, *;q=0.5", "en"),
        ("de;q=0.9, de-AT;q=0.3, en;q=0.5", "de"),
        ("en;q=0.3, *;q=0.5, *;q=0.1", "de"),
        ("de;q=0, *", "en"),
        ("de-AT, de;q=0, en;q=0.1", "en"),
        ("de-CH;q=0, de", "de"),
        ("de;q=x, en;q=0.1", "en"),
        ("den, deutsch", None),
        ("de;q=0.1, *;q=0.9", "en"),
        ("*;q=0.5, en;q=0.1", "de"),
        ("*;q=0.5, en-GB", "en"),
        ("*, de", "en"),
        ("*;q=0, en;q=0.1", "en"),
        ("de;q=0, *;q=0.4, *;q=0.5", "en"),
    ],
)
def test_best_language(field: str | None, best: str | None) -> None:
    assert best_language(field, ("en", "de")) == best
