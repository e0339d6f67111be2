from importlib.resources import files

import pytest

from ngw2f.text.lookalikes import is_highly_restrictive, shapes_of
from ngw2f.text.lookalikes_source import make


@pytest.mark.parametrize(
    ("name", "other"),
    [
        # Cyrillic, with either palochka, Greek, Armenian and Lisu for Latin.
        ("\u0440\u0430\u0443\u0440\u0430\u04cf", "paypal"),
        ("\u0440\u0430\u0443\u0440\u0430\u04c0", "paypal"),
        ("\u0441\u043e\u0441\u043e", "coco"),
        ("\u0405\u0441\u043e\u0440\u0435", "Scope"),
        ("\u0410\u0406\u0405", "AIS"),
        ("\u0412\u041e\u0412", "bob"),
        ("\u0391\u039d\u039d\u0391", "Anna"),
        ("\u03bf\u03bf", "oo"),
        ("\u0585\u057d", "ou"),
        ("\ua4d0\ua4f3\ua4d0", "bob"),
        # Cyrillic for Greek, kana for Chinese.
        ("\u043f\u043e\u043f", "\u03c0\u03bf\u03c0"),
        ("\u30ab\u30ed", "\u529b\u53e3"),
        # Letters of one script that no keyboard has beside each other.
        ("\u0251nn", "ann"),
        ("\u0261us", "gus"),
        # Decomposed, wide, bold, and with what is not seen.
        ("e\u0301", "\u00e9"),
        ("\uff41nn", "ann"),
        ("\U0001d41ann", "ann"),
        ("a\u200bnn", "ann"),
        ("\u2019", "'"),
    ],
    ids=ascii,
)
def test_names_that_look_alike(name: str, other: str) -> None:
    assert shapes_of(name) & shapes_of(other)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("bob1", "bobl"),
        ("bobI", "bobl"),
        ("b0b", "bob"),
        ("modern", "modem"),
        ("ian", "lan"),
        ("van", "nan"),
        # Letters of one script that those who read it tell apart.
        ("\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "\u0e2a\u0e27\u0e31\u0e2a\u0e04\u0e35"),
        ("\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05dc\u05df\u05dd"),
        ("\u0432\u043e\u0432\u0430", "boba"),
        ("e\u0301", "e"),
    ],
    ids=ascii,
)
def test_names_that_do_not(name: str, other: str) -> None:
    assert not shapes_of(name) & shapes_of(other)


@pytest.mark.parametrize(
    ("name", "is_allowed"),
    [
        ("Ann \U0001f98a 3!", True),
        ("\U0001f98a", True),
        ("\u5c71\u7530\u30bf\u30ed\u3046 Taro", True),
        ("\u5c71\u3105 Lee", True),
        ("\u91d1\uae40 Kim", True),
        ("\u3105\u30bf", False),
        ("\uae40\u30bf", False),
        ("\u0430nn", False),
        ("\u0430\U0001d41ann", False),
        ("\u03b1\u0430", False),
        ("\u5c71\u0430", False),
        ("3\u0663", False),
    ],
    ids=ascii,
)
def test_scripts_that_go_together(name: str, is_allowed: bool) -> None:
    assert is_highly_restrictive(name) == is_allowed


def test_table_is_what_its_source_makes() -> None:
    assert (files("ngw2f.text") / "lookalikes.txt").read_text(encoding="utf-8") == make()
