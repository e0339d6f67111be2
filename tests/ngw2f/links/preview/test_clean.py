import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngw2f.links.preview.clean import clean_text

CASES = {
    "plain": ("A title", "A title"),
    "spaces": ("  a \t\r\n b\u00a0\u2003c\u2028d  ", "a b c d"),
    "controls": ("a\x00b\x07c\x1b[31md\x7fe\x9bf", "abc[31mdef"),
    "override": ("invoice\u202efdp.exe", "invoicefdp.exe"),
    "isolates": ("\u2066a\u2067b\u2068c\u2069", "abc"),
    "marks": ("a\u200eb\u200fc\u061cd", "abcd"),
    "invisible": ("a\u200bb\ufeffc\u2060d\u00ade", "abcde"),
    "tags": ("a\U000e0041\U000e007fb", "ab"),
    "surrogates": ("a\ud800b", "ab"),
    "html stays text": ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    "joined emoji": ("👩\u200d💻", "👩\u200d💻"),
    "persian": ("می\u200cخواهم", "می\u200cخواهم"),
    "accents": ("e\u0301", "e\u0301"),
    "stacked marks": ("Z" + "\u0301" * 50 + "o", "Z" + "\u0301" * 4 + "o"),
    "nothing left": ("\u202e\u200b\x00", ""),
}


@pytest.mark.parametrize(("text", "cleaned"), CASES.values(), ids=CASES)
def test_text_is_cleaned(text: str, cleaned: str) -> None:
    assert clean_text(text, 100) == cleaned


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("abcde", "abcde"),
        ("abcdef", "abcd…"),
        ("abcd e", "abcd…"),
        ("abc def", "abc…"),
        ("abce\u0301f", "abce…"),
        ("a👩\u200d💻👩\u200d💻", "a👩\u200d💻…"),
        (" " * 1000 + "a", "…"),
        ("a" * 10_000_000, "aaaa…"),
    ],
    ids=lambda text: str(text)[:8],
)
def test_long_text_is_cut(text: str, cut: str) -> None:
    assert clean_text(text, 5) == cut


@given(st.text())
def test_cleaned_text_is_one_short_line(text: str) -> None:
    cleaned = clean_text(text, 20)
    assert len(cleaned) <= 20
    assert cleaned.strip() == cleaned
    assert not {unicodedata.category(each) for each in cleaned} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set(cleaned) & set(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"
    )
    cleaned.encode()


@given(st.text())
def test_cleaning_again_changes_nothing(text: str) -> None:
    cleaned = clean_text(text, 20)
    assert clean_text(cleaned, 20) == cleaned
