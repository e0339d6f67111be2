"""Generate `lookalikes.txt`: `python -m ngw2f.text.lookalikes_source`.

The source is the package confusable-homoglyphs, whose data is Unicode's confusables.txt (UTS 39
section 4). The database stores keys computed from the file, so it is committed and changes only
with a migration, not with the package.
"""

import json
import unicodedata
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files

PACKAGE = "confusable-homoglyphs"
HEADER = """\
# Characters that look alike: what stands for them all, then the others. Made by
# `python -m ngw2f.text.lookalikes_source` of {package} {version} (MIT), whose data is
# Unicode's confusables.txt (UTS 39). (c) Unicode, Inc., https://www.unicode.org/license.txt
"""


def make() -> str:
    """Return the text of the file."""
    lines = [f"{prototype}\t{''.join(sorted(members))}\n" for prototype, members in _classes()]
    header = HEADER.format(package=PACKAGE, version=version(PACKAGE))
    return header + "".join(sorted(lines))


def _classes() -> Iterator[tuple[str, set[str]]]:
    source = files("confusable_homoglyphs") / "confusables.json"
    pairs = {
        _bare(one): {_bare(other["c"]) for other in others}
        for one, others in json.loads(source.read_text(encoding="utf-8")).items()
    }
    seen: set[str] = set()
    for first in sorted(pairs):
        if first in seen:
            continue
        found = _all_like(first, pairs)
        seen |= found
        # Among the look-alikes of "rn" one is a single letter that people type.
        short = min(found, key=lambda text: (len(text) > 1, not text.isascii()))
        hub = max(sorted(found), key=lambda text: len(pairs[text]))
        prototype = short if (short.isascii() and not hub.isascii()) or hub == "rn" else hub
        members = {text for text in found - {prototype} if _is_in_names(text)}
        if members:
            yield prototype, members


def _all_like(first: str, pairs: dict[str, set[str]]) -> set[str]:
    found, waiting = {first}, [first]
    while waiting:
        new = pairs[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def _bare(text: str) -> str:
    # The file's comments contain marks that control right-to-left text.
    return text.replace("\u200e", "")


def _is_in_names(text: str) -> bool:
    """Return whether *text* is a character that names may contain in normalized form."""
    is_decomposed = unicodedata.is_normalized("NFKC", text) and unicodedata.is_normalized(
        "NFD", text
    )
    is_single = len(text) == 1 and not text.isascii() and is_decomposed
    return is_single and unicodedata.category(text)[0] not in "CZ"


if __name__ == "__main__":
    target = files("ngw2f.text") / "lookalikes.txt"
    with open(str(target), "w", encoding="utf-8") as file:
        file.write(make())
