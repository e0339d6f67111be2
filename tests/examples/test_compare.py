"""Two answers, line by line."""

from collections.abc import Iterable

from examples.middleware.asking import Run
from examples.middleware.compare import Row, compare
from examples.middleware.question import Question

LINES = [f"line {number}" for number in range(20)]


def run(status: str = "200 OK", headers: Iterable[tuple[str, str]] = (), body: str = "") -> Run:
    return Run(Question(), [], status, list(headers), body)


def test_same_answers_have_no_difference() -> None:
    one = run(headers=[("Vary", "Accept")], body="\n".join(LINES))
    difference = compare(one, one)
    assert difference.verdict == "No difference."
    assert difference.head == [
        Row("same", "200 OK", "200 OK"),
        Row("same", "Vary: Accept", "Vary: Accept"),
    ]
    assert difference.body == [Row("gap")]


def test_header_goes_comes_or_changes() -> None:
    before = run(headers=[("A", "1"), ("B", "1"), ("C", "1")])
    now = run("404 Not Found", headers=[("B", "1"), ("C", "2"), ("D", "1")])
    difference = compare(before, now)
    assert difference.head == [
        Row("changed", "200 OK", "404 Not Found"),
        Row("gone", "A: 1", None),
        Row("same", "B: 1", "B: 1"),
        Row("changed", "C: 1", "C: 2"),
        Row("new", None, "D: 1"),
    ]
    assert difference.verdict == "Different lines: 1 gone, 1 new, 2 changed."


def test_moments_and_request_ids_are_the_same_and_shown() -> None:
    moments = ["Sun, 29 Nov 2026 09:10:36 GMT", "Mon, 30 Nov 2026 09:10:37 GMT"]
    answers = [
        run(headers=[("X-Request-ID", f"id-{at}"), ("Set-Cookie", f"a=b; Expires={at}; Path=/")])
        for at in moments
    ]
    difference = compare(*answers)
    assert difference.verdict == "No difference."
    assert difference.head[1].before == f"X-Request-ID: id-{moments[0]}"
    assert difference.head[1].now == f"X-Request-ID: id-{moments[1]}"
    others = run(headers=[("X-Request-ID", "id"), ("Set-Cookie", f"a=c; Expires={moments[0]}")])
    assert compare(answers[0], others).verdict == "Different lines: 1 changed."


def test_body_shows_what_differs_and_three_lines_around() -> None:
    now = [*LINES[:10], "more", *LINES[10:]]
    difference = compare(run(body="\n".join(LINES)), run(body="\n".join(now)))
    assert difference.body == [
        Row("gap"),
        *(Row("same", line, line) for line in LINES[7:10]),
        Row("new", None, "more"),
        *(Row("same", line, line) for line in LINES[10:13]),
        Row("gap"),
    ]
