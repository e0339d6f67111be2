"""Write docs/conformance.md from `results.json` and the clauses.

python -m tests.conformance.report
"""

import json
from pathlib import Path

from tests.conformance.clauses import NOT_PASSED, why
from tests.conformance.run import RESULTS, ROOT, Results, counts

PAGE = ROOT / "docs" / "conformance.md"

HEAD = """\
# The cache in the public test suite for HTTP caches

`middleware/cache/` around a tiny forwarding WSGI application, under gunicorn with gevent, in
[http-tests/cache-tests](https://github.com/http-tests/cache-tests) at commit b55b8bd. The suite
says of itself that passing all of it means nothing: it is no conformance test. The cache passes
**{required} of the suite's required tests and {optimal} of its optional ones**, with the
store in memory and one process, and with the store in Redis and two processes.

    CACHE_TESTS_DIR=/where/it/is make conformance

runs both, fails if a test of `tests/conformance/baseline.txt` does not pass, and
does nothing where there is no checkout or no Node.

The cache runs with two settings that are not the defaults: `targeted_field="CDN-Cache-Control"`,
which the suite tests, and `store_set_cookie=True`, which it requires and RFC 9111 7.3 allows.
gunicorn runs with `ngw2f.server.gunicorn_response`; without it gunicorn replaces every Date, and
two required tests fail (`other-date-update`, `other-date-update-expires`). On a server without
`wsgi.early_hints` one more required and two optional tests fail (`interim-*`).

This page is written by `python -m tests.conformance.report`; the reasons are in
`tests/conformance/clauses.py`.

## Not passed

"""

CHECKS = """
## The checks

The suite also asks {total} questions that have no right answer. {yes} of them this cache answers
with yes. "-" means that the question was not reached.

| question | answer | clause | why |
|---|---|---|---|
"""

ANSWERS = {"yes": "yes", "no": "no"}


def page(results: Results) -> str:
    """Give the text of the page."""
    passed, total = counts(results)
    required, optimal = (f"{passed[kind]}/{total[kind]}" for kind in ("required", "optimal"))
    text = HEAD.format(required=required, optimal=optimal)
    for test, (kind, result, _, name) in sorted(results.items()):
        if kind != "check" and result != "pass":
            text += f"- `{test}` ({kind}): {plain(name)}. {NOT_PASSED[test]}\n"
    text += CHECKS.format(total=total["check"], yes=passed["check"])
    for test, (kind, result, _, name) in sorted(results.items()):
        if kind == "check":
            clause, reason = why(test)
            answer = ANSWERS.get(result, "-")
            text += f"| `{test}`: {plain(name)} | {answer} | {clause} | {reason} |\n"
    return text


def plain(name: str) -> str:
    """Write a test's name without links, and so that it fits into a table."""
    text = name.replace("|", "\\|").rstrip(".")
    before, bracket, rest = text.partition("[")
    label, _, after = rest.partition("](")
    return before + label + after.partition(")")[2] if bracket else text


def main() -> None:
    """Write the page."""
    Path(PAGE).write_text(page(json.loads(RESULTS.read_text())))


if __name__ == "__main__":
    main()
