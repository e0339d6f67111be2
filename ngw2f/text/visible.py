"""Whether a text shows anything."""

import re
from typing import Final

# White space, controls, noncharacters, Default_Ignorable code points; and what fonts show as
# blank: the empty Braille pattern, fillers of Hangul and Khitan, blanks and joiners of
# hieroglyphs, and a note without a head.
UNSEEN: Final = (
    r"\s\x00-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    r"\U00013430-\U0001343f\U00013441\U00013442\U00016fe4\U0001bca0-\U0001bca3\U0001d159"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
SEEN: Final = re.compile(f"[^{UNSEEN}]")
SEEN_IN_HTML: Final = re.compile(f"<hr>|(?:^|>)(?:[{UNSEEN}]|&nbsp;)*(?!&nbsp;)[^<{UNSEEN}]")


def is_visible(text: str) -> bool:
    """Return whether *text* has a visible character."""
    return SEEN.search(text) is not None


def shows_anything(html: str) -> bool:
    """Return whether *html*, as the sanitizer writes it, shows text or a rule."""
    return SEEN_IN_HTML.search(html) is not None
