"""docs/servers.md: a line for each server that `python -m tests.matrix.servers` tries."""

from tests.matrix.launch import SERVERS
from tests.matrix.servers import BEGIN, END, PAGE, rows_of, tables

TEXT = PAGE.read_text(encoding="utf-8")


def test_every_server_has_its_line() -> None:
    rows = rows_of(TEXT)
    assert list(rows) == list(SERVERS)
    assert all(
        row["suite"].startswith("30 pass") for name, row in rows.items() if "tornado" not in name
    )


def test_tables_are_as_they_are_written() -> None:
    written = TEXT.partition(BEGIN)[2].partition(END)[0]
    assert tables(rows_of(TEXT)) == written
