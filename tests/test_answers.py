"""Answers of two runs of the suite are compared by all that is not drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.answers import Noting, main
from tests.middleware.serving import serve


def answer(path: Path, status: str, tag: str, body: bytes) -> str:
    def app(environ: object, start_response: object) -> list[bytes]:
        start_response(status, [("ETag", tag)])  # type: ignore[operator]
        return [body]

    assert serve(Noting(app, str(path))).content == body
    return str(path)


ONE = ("200 OK", '"a-1"', b"at 12:30 token 0123456789abcdef01")


@pytest.mark.parametrize(
    ("other", "different"),
    [
        (("200 OK", '"a-22"', b"at 11:45 token 1123456789abcdef01"), 0),
        (("201 Created", *ONE[1:]), 1),
        ((ONE[0], '"b-1"', ONE[2]), 1),
        ((*ONE[:2], b"at 12:30 token 0123456789abcdef012"), 1),
        ((*ONE[:2], b"at 12:30, token 0123456789abcdef01"), 1),
    ],
)
def test_difference_is_seen(
    other: tuple[str, str, bytes],
    different: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = answer(tmp_path / "one", *ONE), answer(tmp_path / "other", *other)
    assert main(*files) == different
    assert capsys.readouterr().out.startswith("1 answers of 1 tests; 0 tests left out\n")


def test_what_differs_anyway_is_left_out(tmp_path: Path) -> None:
    one, again = (
        answer(tmp_path / "one", *ONE),
        answer(tmp_path / "again", "404 Not Found", *ONE[1:]),
    )
    assert main(one, again, again) == 0
