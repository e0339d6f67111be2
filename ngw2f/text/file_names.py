"""Names of uploaded files: whatever a client says, a name that is safe to show and to store."""

import unicodedata

from ngw2f.text.invisible import has_shape
from ngw2f.text.plain import CONTROLS

MAX_CHARACTERS = 120
# Most file systems allow 255.
MAX_BYTES = 200
# Longer names are cut unseen: normalising takes longer than in proportion.
MAX_TYPED_CHARACTERS = 1_000
MAX_ENDING_CHARACTERS = 16
NAMELESS = "file"
# What some system gives a meaning in names.
SPECIAL = str.maketrans(dict.fromkeys('<>:"|?*;%#', "_"))
DEVICES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{name}{n}" for name in ("com", "lpt") for n in range(10)}
)


def clean_file_name(given: str) -> str:
    """Return a name without path, controls, invisible characters and changes of direction.

    It has at most MAX_CHARACTERS and MAX_BYTES, keeps its ending, and is never empty, hidden
    (".name") or the name of a Windows device.
    """
    last = given[-MAX_TYPED_CHARACTERS:].replace("\\", "/").rsplit("/", 1)[-1]
    # A few of them have a shape of their own, and others are part of emoji; no name needs them.
    seen = "".join(" " if each in CONTROLS else each for each in last)
    shaped = "".join(filter(has_shape, unicodedata.normalize("NFC", seen)))
    name = " ".join(shaped.translate(SPECIAL).split()).strip(". ")
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > MAX_ENDING_CHARACTERS:
        stem, dot, ending = name, "", ""
    if stem.split(".")[0].strip().lower() in DEVICES:
        stem = f"_{stem}"
    ending = dot + ending
    stem = _cut(stem, MAX_CHARACTERS - len(ending), MAX_BYTES - len(ending.encode()))
    return f"{stem.rstrip('. ')}{ending}" if stem else NAMELESS


def _cut(text: str, characters: int, size: int) -> str:
    """Return the beginning of *text*, at most *characters* long and *size* bytes."""
    return text[:characters].encode()[:size].decode(errors="ignore")
