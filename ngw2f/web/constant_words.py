"""Jinja2's i18n extension, with what has no values in it translated once.

A page has about ten texts for each of its messages. A template is compiled for one language, so
`_("Reply")` becomes the text that it is there, and costs no more than what a template itself says.
"""

from collections.abc import Iterator

from jinja2.ext import InternationalizationExtension
from jinja2.lexer import Token, TokenStream

# The types of the tokens of `_("Reply")`.
CALL = ("name", "lparen", "string", "rparen")


class ConstantWords(InternationalizationExtension):
    """Its environment has the texts of its language as `catalogue`."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        catalogue = self.environment.catalogue  # type: ignore[attr-defined]  # Set by `extend`.
        tokens = list(stream)
        at = 0
        while at < len(tokens):
            call = tokens[at : at + len(CALL)]
            if call[0].value == "_" and tuple(each.type for each in call) == CALL:
                yield Token(call[2].lineno, "string", catalogue.gettext(call[2].value))
                at += len(CALL)
            else:
                yield tokens[at]
                at += 1
