import pytest
from hypothesis import given, strategies

from ngw2f.text.search_query import MAX_WORDS, InvalidQueryError, Term, parse_query


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("new york", [Term("words", "new"), Term("words", "york")]),
        ('"new york"', [Term("words", "new york")]),
        ('"new york', [Term("words", "new york")]),
        ("-spam", [Term("words", "spam", is_excluded=True)]),
        ('-"much spam" x', [Term("words", "much spam", is_excluded=True), Term("words", "x")]),
        ("from:Ann in:lobby", [Term("from", "Ann"), Term("in", "lobby")]),
        ('FROM:"Ann Lee" -in:den', [Term("from", "Ann Lee"), Term("in", "den", is_excluded=True)]),
        ("in: x", [Term("words", "in:"), Term("words", "x")]),
        ("from:", [Term("words", "from:")]),
        ("a:b", [Term("words", "a:b")]),
        ('!!! x - ""', [Term("words", "x")]),
        ("🎉", [Term("words", "🎉")]),
    ],
)
def test_terms(text: str, terms: list[Term]) -> None:
    assert parse_query(text) == terms


def test_term_of_several_words_is_a_phrase() -> None:
    (term,) = parse_query("Snake_Case")
    assert term.phrase == ("snake", "case")


@pytest.mark.parametrize("text", ["", " ", "\0", "!!!", '""', "-", '"', "\u200d"])
def test_query_without_a_word(text: str) -> None:
    with pytest.raises(InvalidQueryError, match="at least one word"):
        parse_query(text)


def test_query_with_too_many_words() -> None:
    assert len(parse_query("a " * MAX_WORDS)) == MAX_WORDS
    with pytest.raises(InvalidQueryError, match=f"at most {MAX_WORDS} words"):
        parse_query("a-" * (MAX_WORDS + 1))


def test_names_count_as_words() -> None:
    """Each of them is asked of the database, and an address may have thousands."""
    assert len(parse_query("from:! " * MAX_WORDS)) == MAX_WORDS
    for name in ("from:!", "-in:!"):
        with pytest.raises(InvalidQueryError, match=f"at most {MAX_WORDS} words"):
            parse_query(f"{name} " * (MAX_WORDS + 1))


@given(strategies.text(alphabet=strategies.characters() | strategies.sampled_from('"-: \0from')))
def test_any_text_is_terms_or_refused(text: str) -> None:
    try:
        terms = parse_query(text)
    except InvalidQueryError:
        return
    assert terms
    assert all(term.phrase for term in terms if term.kind == "words")
