"""Sentences in English that can be said in other languages, where a page shows them.

The catalogue has what is in `Sentence(...)`, in `translatable(...)`, and in errors of the domain.
"""


class Sentence:
    """A sentence, or a part of one, with values in it; as a string in English, for programs."""

    __slots__ = ("message", "values")

    def __init__(self, message: str, **values: object) -> None:
        """Take the *message*, as the catalogue has it, and the values of its `%(name)s`."""
        self.message = message
        self.values = values

    def __str__(self) -> str:
        return self.message % self.values


def translatable(text: str) -> str:
    """Return a text of the catalogue as it is; it is translated where it is shown."""
    return text


def sentence_of(error: Exception) -> str | Sentence:
    """Return the sentence with which an error was raised."""
    sentence = error.args[0]
    return sentence if isinstance(sentence, Sentence) else str(sentence)
