"""Tell `deploy.renew` whether the server took the new code.

The answer is a word and the master's pid, in a file beside gunicorn's pid file; without `--pid`
there is no file. The master imports this before it forks: nothing here may import what gevent
has to patch.
"""

from contextlib import suppress
from pathlib import Path

SUFFIX = ".told"
# A worker runs the new code; the new code was tried and refused.
READY = "ready"
REFUSED = "refused"


def tell(pid_file: str | None, word: str, master: int) -> None:
    """Replace the file's content by *word* and the pid *master*."""
    if not pid_file:
        return
    # If it cannot be written, whoever waits for it reports a time-out.
    with suppress(OSError):
        Path(pid_file + SUFFIX).write_text(f"{word} {master}\n")


def read(pid_file: Path, master: int) -> str:
    """Return the last word of the server with that master, "" if there is none."""
    try:
        words = Path(f"{pid_file}{SUFFIX}").read_text().split()
    except FileNotFoundError:
        return ""
    return words[0] if words[1:] == [str(master)] else ""


def forget(pid_file: Path) -> None:
    Path(f"{pid_file}{SUFFIX}").unlink(missing_ok=True)
