"""Compare what two runs of the suite were answered, byte for byte.

`TESTS_ANSWERS=FILE` before pytest writes a line for each response of each chat that a test in
`tests/ngw2f` builds. `python -m tests.answers FILE FILE [OTHER]` lists the tests whose responses
differ in the last file from those in the first; where three are given, what differs between the
first two anyway, such as the beats of a stream, is left out. What is never the same, such as times
and ids, is compared by its length and its letters only.

It was made for X-ray (`tests/xrayed.py`): with it and without, the answers must be the same.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeAlias
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware._wsgi import Headers, WrappedBody

FILE = os.environ.get("TESTS_ANSWERS")
# Numbers, and texts that were drawn: long, with a digit, or as 16 or 32 bytes are in base64.
DRAWN = re.compile(
    rb"(?<![\w-])(?=[\w+-]*\d)[\w+-]{16,}={0,2}"
    rb"|(?<![\w-])(?:[\w-]{22}|[\w-]{43})(?![\w-])|\d+"
)

Answers: TypeAlias = dict[str, Counter[str]]


class NotedBody(WrappedBody):
    """A body that is written down once it is closed."""

    def __init__(self, body: Iterable[bytes], about: dict[str, Any], path: str) -> None:
        super().__init__(body)
        self.about = about
        self.path = path
        self.chunks: list[bytes] = []

    def __next__(self) -> bytes:
        chunk = self.next_chunk()
        self.chunks.append(chunk)
        return chunk

    def after_close(self) -> None:
        self.about["body"] = b"".join(self.chunks).decode("latin-1")
        line = json.dumps(self.about, sort_keys=True) + "\n"
        with open(self.path, "ab", buffering=0) as file:
            file.write(line.encode())


class Noting:
    """Writes down the responses of an application; bytes pass as they are."""

    def __init__(self, app: WSGIApplication, path: str) -> None:
        self.app = app
        self.path = path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        test = os.environ.get("PYTEST_CURRENT_TEST", "").partition(" ")[0]
        asked = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ['QUERY_STRING']}"
        about: dict[str, Any] = {"test": test, "asked": asked, "starts": []}

        def start(status: str, headers: Headers, exc_info: Any = None, /) -> Any:
            about["starts"].append([status, *headers])
            return start_response(status, headers, exc_info)

        return NotedBody(self.app(environ, start), about, self.path)


def read(path: str) -> Answers:
    """Return the answers of each test, each as text; which was first is not told."""
    found: Answers = defaultdict(Counter)
    for line in Path(path).read_bytes().splitlines():
        about = json.loads(line)
        test = about.pop("test")
        found[test][DRAWN.sub(drawn, json.dumps(about).encode()).decode()] += 1
    return found


def drawn(found: re.Match[bytes]) -> bytes:
    """Return what stands for something that is never the same."""
    return b"#" if found[0].isdigit() else b"#" * len(found[0])


def main(first: str, second: str, third: str | None = None) -> int:
    one, other = read(first), read(third or second)
    restless = set()
    if third:
        again = read(second)
        restless = {test for test in one | again if one[test] != again[test]}
    wrong = {test for test in one | other if one[test] != other[test]} - restless
    answers = sum(sum(found.values()) for test, found in one.items() if test not in restless)
    told = [f"{answers} answers of {len(one)} tests; {len(restless)} tests left out"]
    for test in sorted(wrong):
        told.append(test)
        for sign, found in (("-", one[test] - other[test]), ("+", other[test] - one[test])):
            told += [f"  {sign} {text[:1500]}" for text in found]
    sys.stdout.write("\n".join([*told, ""]))
    return len(wrong)


if __name__ == "__main__":
    sys.exit(bool(main(*sys.argv[1:])))
