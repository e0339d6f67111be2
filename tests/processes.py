"""What Linux says of the processes that tests start (proc(5))."""

from contextlib import suppress
from pathlib import Path


def children_of(pid: int) -> list[int]:
    """Return the children of a process sorted, without a look at all processes.

    One that is there may be missing while another one ends (proc(5)): it is read until it is the
    same twice.
    """
    found, now = None, _read_children(pid)
    while now != found:
        found, now = now, _read_children(pid)
    return now


def command_line(pid: int) -> str:
    """Return it with spaces; "" for a process that has ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ")
    return ""


def _read_children(pid: int) -> list[int]:
    found: set[int] = set()
    with suppress(OSError):
        for path in Path(f"/proc/{pid}").glob("task/*/children"):
            found |= {int(child) for child in path.read_text().split()}
    return sorted(found)
