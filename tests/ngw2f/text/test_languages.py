from ngw2f.sentences import Sentence, sentence_of
from ngw2f.text.languages import LANGUAGES, NAMES, load_catalogue, translate

GERMAN = load_catalogue("de")


def test_sentence_is_english_for_programs() -> None:
    assert str(Sentence("there is no user %(name)r", name="ann")) == "there is no user 'ann'"


def test_sentence_is_translated_with_its_parts() -> None:
    sentence = Sentence("%(what)s must have at least one character", what=Sentence("a nickname"))
    assert translate(GERMAN, sentence) == "ein Nickname muss mindestens ein Zeichen haben"
    assert (
        translate(load_catalogue("en"), sentence) == "a nickname must have at least one character"
    )


def test_what_somebody_typed_is_not_translated() -> None:
    sentence = Sentence("there is no user %(name)r", name="Settings")
    assert translate(GERMAN, sentence) == "niemand heißt 'Settings'"


def test_unknown_and_empty_texts_stay() -> None:
    assert translate(GERMAN, "100 % of them") == "100 % of them"
    assert translate(GERMAN, "") == ""


def test_sentence_of_an_error() -> None:
    sentence = Sentence("a nickname")
    assert sentence_of(ValueError(sentence)) is sentence
    assert sentence_of(ValueError("text")) == "text"


def test_each_language_has_a_name() -> None:
    assert set(NAMES) == set(LANGUAGES)
