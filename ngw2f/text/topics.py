"""A room's topic: one line of plain text."""

import unicodedata

from ngw2f.sentences import Sentence
from ngw2f.text.invisible import has_shape

MAX_TOPIC_CHARACTERS = 250
# The parts of emoji are invisible, and mean something.
OF_EMOJI = "\ufe0e\ufe0f\u200d"


class InvalidTopicError(ValueError):
    """A refused topic; the message says why."""


def check_topic(topic: str) -> str:
    """Return *topic*, composed and in one line; it may be empty. Raises InvalidTopicError."""
    too_long = Sentence("a topic may have at most %(most)d characters", most=MAX_TOPIC_CHARACTERS)
    # Normalising long input takes long.
    if len(topic) > 4 * MAX_TOPIC_CHARACTERS:
        raise InvalidTopicError(too_long)
    line = " ".join(unicodedata.normalize("NFC", topic).split())
    if len(line) > MAX_TOPIC_CHARACTERS:
        raise InvalidTopicError(too_long)
    if not all(has_shape(each) or each in OF_EMOJI for each in line):
        raise InvalidTopicError(
            "a topic must not contain control, invisible or undefined characters"
        )
    return line
