"""Bring the catalogues of texts up to date: `make catalogue`.

It extracts the texts of templates and modules, writes those that are new into
`ngw2f/translations/LANGUAGE.po` without a translation, deletes those that are gone, and compiles
each catalogue into the `.mo` beside it, which the chat reads. Both are checked in, so a clone, a
wheel and an editable install have them without Babel, and a test says when they are not in step
with the source (tests/packages/test_catalogue.py).
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from ngw2f import __version__
from ngw2f.text.languages import DIRECTORY, LANGUAGES

ROOT = Path(__file__).parent.parent
TEMPLATES = "ngw2f/templates"
# Where texts for people are written.
FOLDERS = ("actions", "broker", "store", "text", "web")
# These speak to programs alone.
LEFT_OUT = {"backup.py", "migrate.py", "socketio.py", "transfer.py", "usable.py", "websocket.py"}
# By the name of a function or an exception, which of its arguments the catalogue has.
KEYWORDS: dict[str, tuple[int, ...]] = {
    "Sentence": (1,),
    "translatable": (1,),
    **dict.fromkeys(
        ("Conflict", "Forbidden", "Gone", "Invalid", "KeyReused", "NotFound", "TooLarge", "TooMany",
         "Unauthenticated", "Unavailable", "InvalidNameError", "InvalidPasswordError",
         "InvalidQueryError", "InvalidTextError", "InvalidTopicError", "QuotaExceededError"),
        (1,),
    ),
    # How a refusal calls what there were too many of.
    "Rule": (3,),
    "Chart": (1,),
}  # fmt: skip
OF_TEMPLATES = {"_": (1,), "gettext": (1,), "ngettext": (1, 2)}
WIDTH = 100


def extracted() -> Catalog:
    """Return the texts of the source, without translations."""
    catalogue = Catalog(project="NGW2F", version=__version__, fuzzy=False)
    for name, message in _messages():
        catalogue.add(message, locations=[(name, 0)])
    return catalogue


def _messages() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    for path in sorted((ROOT / TEMPLATES).glob("*.html")):
        options = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}
        with path.open("rb") as file:
            found = extract("jinja2.ext:babel_extract", file, OF_TEMPLATES, options=options)
            yield from ((path.name, each[1]) for each in found)
    yield from _messages_of_modules()


def _messages_of_modules() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    folders = [ROOT / "ngw2f" / folder for folder in FOLDERS]
    paths = [path for folder in folders for path in folder.glob("*.py")]
    for path in sorted([*paths, ROOT / "ngw2f/hash_queue.py", ROOT / "ngw2f/http.py"]):
        source = path.read_bytes()
        is_for_people = path.name not in LEFT_OUT
        if is_for_people and any(f"{name}(".encode() in source for name in KEYWORDS):
            found = extract("python", io.BytesIO(source), KEYWORDS)
            yield from ((path.name, each[1]) for each in found)


def read(language: str) -> Catalog:
    """Return a catalogue as it is checked in."""
    with (DIRECTORY / f"{language}.po").open("rb") as file:
        return read_po(file, language)


def compiled(catalogue: Catalog) -> bytes:
    """Return what the chat reads of a catalogue."""
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def main() -> int:
    template = extracted()
    for language in LANGUAGES[1:]:
        catalogue = read(language)
        catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
        with (DIRECTORY / f"{language}.po").open("wb") as file:
            write_po(
                file, catalogue, width=WIDTH, ignore_obsolete=True, include_lineno=False,
                sort_by_file=True,
            )  # fmt: skip
        catalogue = read(language)
        (DIRECTORY / f"{language}.mo").write_bytes(compiled(catalogue))
        missing = [each.id for each in catalogue if each.id and not each.string]
        sys.stdout.write("".join(f"{language}: no translation of {each!r}\n" for each in missing))
    return 0


if __name__ == "__main__":
    sys.exit(main())
