"""What a room's topic may be."""

import pytest

from ngw2f.text.topics import MAX_TOPIC_CHARACTERS, InvalidTopicError, check_topic


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("", ""),
        (" tea,\tand\r\nmore ", "tea, and more"),
        ("cafe\u0301", "caf\u00e9"),
        (
            "\U0001f468\u200d\U0001f373 cooks \u2764\ufe0f",
            "\U0001f468\u200d\U0001f373 cooks \u2764\ufe0f",
        ),
        ("x" * MAX_TOPIC_CHARACTERS, "x" * MAX_TOPIC_CHARACTERS),
    ],
)
def test_topic_is_one_line(typed: str, stored: str) -> None:
    assert check_topic(typed) == stored


@pytest.mark.parametrize(
    "typed", ["x" * 251, "x" * 100_000, "a\0b", "a\u202eb", "\ud800", "\ue000"]
)
def test_topic_refused(typed: str) -> None:
    with pytest.raises(InvalidTopicError):
        check_topic(typed)
