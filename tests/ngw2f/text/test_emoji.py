import pytest

from ngw2f.text.emoji import is_emoji

SCOTLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
RAINBOW_FLAG = "\U0001f3f3\ufe0f\u200d\U0001f308"
KISS = "\U0001f469\U0001f3ff\u200d\u2764\ufe0f\u200d\U0001f48b\u200d\U0001f468\U0001f3fb"
THUMB, MAN, FLAG_LETTER = "\U0001f44d", "\U0001f468", "\U0001f1e6"
SKIN = "\U0001f3fd"


@pytest.mark.parametrize(
    "text",
    [
        *(
            THUMB,
            THUMB + SKIN,
            "\u2764\ufe0f",
            "\u2764",
            "\u00a9\ufe0f",
            "1\ufe0f\u20e3",
            "#\u20e3",
        ),
        *(FLAG_LETTER * 2, SCOTLAND, FAMILY, RAINBOW_FLAG, KISS, "\U0001fae9"),
    ],
)
def test_is_one(text: str) -> None:
    assert is_emoji(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "1", THUMB * 2, THUMB + " ", "\u200d", "\ufe0f", THUMB + "\u200d", THUMB + "a"),
        *(FLAG_LETTER, FLAG_LETTER * 3, "<b>", "\xe9", "\u6f22", THUMB + SKIN + SKIN),
        MAN + ("\u200d" + MAN) * 10,
    ],
)
def test_is_none(text: str) -> None:
    assert not is_emoji(text)
