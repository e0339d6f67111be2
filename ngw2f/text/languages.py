"""The languages of the pages, and their catalogues of texts.

The texts in the source are English. Another language has a catalogue, `ngw2f/translations/de.po`;
`make catalogue` brings it up to date, and compiles what is read here.
"""

import gettext
from pathlib import Path
from typing import Literal, get_args

from ngw2f.sentences import Sentence

DIRECTORY = Path(__file__).parents[1] / "translations"

Language = Literal["en", "de"]
# Whoever prefers none of them gets the first.
LANGUAGES: tuple[Language, ...] = get_args(Language)
# As each is called by those who speak it.
NAMES: dict[Language, str] = {"en": "English", "de": "Deutsch"}


def load_catalogue(language: str) -> gettext.NullTranslations:
    """Read the texts of a language."""
    if language == LANGUAGES[0]:
        return gettext.NullTranslations()
    with (DIRECTORY / f"{language}.mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def translate(catalogue: gettext.NullTranslations, text: str | Sentence) -> str:
    """Return a text of the catalogue in its language; any other as it is."""
    if isinstance(text, str):
        # The empty one is the head of the catalogue.
        return catalogue.gettext(text) if text else ""
    values = {
        # Others are what somebody has typed.
        name: translate(catalogue, value) if isinstance(value, Sentence) else value
        for name, value in text.values.items()
    }
    return catalogue.gettext(text.message) % values
