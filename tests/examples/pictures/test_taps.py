from examples.pictures.taps import commands, lines


def test_empty_line_of_a_request_is_seen() -> None:
    assert list(lines(b"GET / HTTP/1.0\r\n\r\n")) == ["GET / HTTP/1.0", "⏎"]


def test_half_a_line_is_a_line() -> None:
    assert list(lines(b"GET / HT")) == ["GET / HT"]


def test_commands_of_redis_are_read_from_arrays() -> None:
    content = b"*1\r\n$5\r\nMULTI\r\n*3\r\n$5\r\nRPUSH\r\n$5\r\nqueue\r\n$4\r\ntask\r\n"
    assert list(commands(content)) == ["MULTI", "RPUSH queue task"]


def test_answer_of_redis_is_no_command() -> None:
    assert list(commands(b"$4\r\ntask\r\n")) == []
