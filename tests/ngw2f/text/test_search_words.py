from itertools import pairwise

import pytest
from hypothesis import given, strategies

from ngw2f.text.search_words import MAX_WORD_CHARACTERS, folded_words, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, World!", ["hello", "world"]),
        ("snake_case a-b v3.11", ["snake", "case", "a", "b", "v3", "11"]),
        ("**bold** [link](http://a/b)", ["bold", "link", "http", "a", "b"]),
        ("Ärger, e\u0301t\u00e9", ["arger", "ete"]),
        ("STRASSE Straße", ["strasse", "strasse"]),
        ("ＡＢＣ ｶﾞ", ["abc", "ガ"]),
        ("日本語", ["日", "本", "語"]),
        ("пример 한국어", ["пример", "한국어"]),
        ("हिन्दी", ["हिन्दी"]),
        ("ok 👍👍 👩‍💻", ["ok", "👍", "👍", "👩", "💻"]),
        ("\u0301\u200da", ["a"]),
        ("a\u00a0b\u2003c", ["a", "b", "c"]),
        # The ligature has spaces in it.
        ("\ufdfa", ["صلىاللهعليهوسلم"]),
        ("x" * 100 + " é" + "x" * 100, ["x" * MAX_WORD_CHARACTERS, "e" + "x" * 63]),
        ("", []),
        ("\0 \"' \\ * ( ) : ^ -", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert folded_words(text) == words
    assert [word.folded for word in words_of(text)] == words


@given(strategies.text(max_size=200))
def test_word_is_nothing_that_a_query_means_otherwise(text: str) -> None:
    words = list(words_of(text))
    assert [word.folded for word in words] == folded_words(text)
    for before, after in pairwise(words):
        assert before.end <= after.start
    for word in words:
        assert 0 < len(word.folded) <= MAX_WORD_CHARACTERS
        assert len(word.folded.split()) == 1
        assert all(each.isalnum() for each in word.folded if each.isascii())


@given(strategies.text(max_size=50), strategies.text(max_size=50))
def test_words_do_not_depend_on_what_is_before(first: str, second: str) -> None:
    assert folded_words(f"{first} {second}") == folded_words(first) + folded_words(second)
