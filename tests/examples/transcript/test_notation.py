import pytest

from examples.transcript.notation import parse, shown, typed


def test_lines_of_a_kind_are_one_step() -> None:
    steps = list(parse("# words\n> GET / HTTP/1.0\n>\n< HTTP/1.0 200 OK\n<"))
    assert [step.kind for step in steps] == ["words", "typed", "seen"]
    assert steps[1].lines == ["GET / HTTP/1.0", ""]


def test_wait_is_read_as_seconds() -> None:
    assert next(parse("(0.5 seconds later)")).lines == ["0.5"]


def test_other_line_is_refused_with_its_number() -> None:
    with pytest.raises(ValueError, match="line 2 is not a line of a transcript: HTTP"):
        list(parse("# words\nHTTP/1.1 200 OK"))


def test_typed_line_ends_as_telnet_sends_it() -> None:
    assert typed(["GET /", ""], {}) == b"GET /\r\n\r\n"


def test_typed_line_may_go_on() -> None:
    assert typed(["GET\\", " /"], {}) == b"GET /\r\n"


def test_received_bytes_are_shown_in_the_notation() -> None:
    received = b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n5\r\nhe\nHTTP/1.1 204 No Content\nend"
    lines = ["HTTP/1.1 200 OK", "A: b", "", "5␍", "he", "HTTP/1.1 204 No Content (LF)", "end\\"]
    assert shown(received) == lines
