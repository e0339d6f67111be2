"""What a server says of new code, for `deploy.renew`, which cannot ask it otherwise.

A word and the master's pid in a file beside gunicorn's pid file; without `--pid` there is no
file. The master imports this before it forks: nothing here may import what gevent has to patch.
"""

from contextlib import suppress
from pathlib import Path

SUFFIX = ".told"
# A worker has loaded what is there now; it was tried, and is not taken.
READY = "ready"
REFUSED = "refused"


def tell(pid_file: str | None, word: str, master: int) -> None:
    """Leave *word* of the server whose master is *master*; what was left before is gone."""
    if not pid_file:
        return
    # Whoever waits for it says so himself.
    with suppress(OSError):
        Path(pid_file + SUFFIX).write_text(f"{word} {master}\n")


def read(pid_file: Path, master: int) -> str:
    """Return what that master's server said last, "" if nothing."""
    try:
        words = Path(f"{pid_file}{SUFFIX}").read_text().split()
    except FileNotFoundError:
        return ""
    return words[0] if words[1:] == [str(master)] else ""


def forget(pid_file: Path) -> None:
    Path(f"{pid_file}{SUFFIX}").unlink(missing_ok=True)
