"""Try every server: `python -m tests.matrix.servers [NAME...] [--write]`.

Each runs the chain of all middleware (`tests/middleware/test_servers.py`: contract and cache, over
a socket), and a bare application that shows what the server itself does to a response. With
`--write` the tables of docs/servers.md are made anew; without, one that differs is an error. A
server that is not installed is named, and its old line stays.
"""

import os
import re
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from examples.transcript.machine import free_port
from tests.distributions import ROOT
from tests.matrix.launch import SERVERS, LackingServerError, serving
from tests.matrix.observe import observe

PAGE = ROOT / "docs" / "servers.md"
BEGIN, END = "<!-- tables -->\n", "<!-- end of tables -->\n"
APPLICATION = "tests.matrix.observed:application"
COUNT = re.compile(r"(\d+) (passed|failed|xfailed)")
# Where the name is not the distribution's.
DISTRIBUTIONS = {"uwsgi": "pyuwsgi"}


def main(arguments: list[str]) -> int:
    """Return 0 if all could be tried, passed, and are in the page as they were seen."""
    names = [each for each in arguments if not each.startswith("--")] or list(SERVERS)
    page = PAGE.read_text(encoding="utf-8")
    known, status = rows_of(page), 0
    for name in names:
        try:
            row = row_of(name)
        except LackingServerError as lack:
            sys.stderr.write(f"{name}: not tried, install {lack}\n")
            status = 1
            continue
        if row != known.get(name):
            sys.stdout.write(f"{name}: was {known.get(name)}, is {row}\n")
            status = status if "--write" in arguments else 1
        known[name] = row
    if "--write" in arguments:
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(before + BEGIN + tables(known) + END + after, encoding="utf-8")
    return status


def row_of(name: str) -> dict[str, str]:
    """Try a server, and return its cells by their headings."""
    with tempfile.TemporaryDirectory(prefix="ngw2f-", ignore_cleanup_errors=True) as directory:
        place, port = Path(directory), free_port()
        # The server may change its user.
        place.chmod(0o777)
        with serving(name, APPLICATION, port, place):
            seen = observe(port, place)
    return {"version": version_of(name), "suite": suite_of(name), **seen}


def version_of(name: str) -> str:
    if name == "wsgiref":
        return "Python's"
    try:
        return version(DISTRIBUTIONS.get(name, name.split()[0]))
    except PackageNotFoundError:
        return "Debian's"


def suite_of(name: str) -> str:
    """Return how many tests of the chain passed, and how many cannot under this server."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=."]
    done = subprocess.run(
        [*command, "tests/middleware/test_servers.py"], cwd=ROOT, check=False, text=True,
        env={**os.environ, "SERVERS": name, "REQUIRE_ALL_TESTS": "1"}, capture_output=True,
    )  # fmt: skip
    counts = {what: number for number, what in COUNT.findall(done.stdout.splitlines()[-1])}
    if done.returncode:
        sys.stderr.write(done.stdout)
    return ", ".join(f"{number} {WORDS[what]}" for what, number in sorted(counts.items()))


WORDS = {"failed": "failed", "passed": "pass", "xfailed": "cannot"}


def tables(rows: dict[str, dict[str, str]]) -> str:
    """Return two tables of Markdown, since one would be too wide."""
    headings = list(next(iter(rows.values())))
    ordered = {name: rows[name] for name in SERVERS if name in rows}
    half = [headings[:8], [headings[0], *headings[8:]]]
    return "\n".join(table(each, ordered) for each in half)


def table(headings: list[str], rows: dict[str, dict[str, str]]) -> str:
    lines = [["server", *headings], ["---"] * (len(headings) + 1)]
    lines += [[name, *(row[heading] for heading in headings)] for name, row in rows.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def rows_of(page: str) -> dict[str, dict[str, str]]:
    """Return the cells of the page's tables, by server and heading."""
    rows: dict[str, dict[str, str]] = {}
    headings: list[str] = []
    for line in page.partition(BEGIN)[2].partition(END)[0].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == "server":
            headings = cells[1:]
        elif line and cells[0] != "---":
            rows.setdefault(cells[0], {}).update(zip(headings, cells[1:], strict=True))
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
