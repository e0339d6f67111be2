"""The catalogues are in step with the source: extraction, translations, and what is compiled."""

import pytest
from babel.messages.catalog import Catalog

from ngw2f.text.languages import DIRECTORY, LANGUAGES, load_catalogue
from packages import catalogue


@pytest.fixture(scope="module")
def source() -> Catalog:
    return catalogue.extracted()


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_catalogue_has_the_texts_of_the_source_and_no_others(
    source: Catalog, language: str
) -> None:
    """If not, `make catalogue` brings it up to date."""
    found = catalogue.read(language)
    assert {each.id for each in found} == {each.id for each in source}
    assert not found.obsolete


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_every_text_is_translated(language: str) -> None:
    found = catalogue.read(language)
    texts = {each.id: each.string for each in found if each.id}
    assert [
        key for key, text in texts.items() if not all(text if isinstance(text, tuple) else [text])
    ] == []
    assert [each.id for each in found if each.fuzzy and each.id] == []
    # Among them, that a translation has the same values in it.
    assert [error for _, errors in found.check() for error in errors] == []


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_what_is_compiled_is_the_catalogue(language: str) -> None:
    compiled = (DIRECTORY / f"{language}.mo").read_bytes()
    assert compiled == catalogue.compiled(catalogue.read(language))


def test_texts_of_templates_and_of_errors_are_extracted(source: Catalog) -> None:
    assert "Skip to the content" in source
    assert "%(what)s may have at most %(most)d characters" in source
    assert ("used %(count)s time", "used %(count)s times") in {each.id for each in source}


def test_plural_forms() -> None:
    german = load_catalogue("de")
    texts = ("used %(count)s time", "used %(count)s times")
    assert [german.ngettext(*texts, count) for count in (1, 2)] == ["%(count)s-mal benutzt"] * 2
