"""A PostgreSQL for the tests alone: in a folder of its own, on a Unix socket, not synced."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.needs import lacking

SUPERUSER = "chat"


def find_programs() -> Path:
    """Return the folder of the newest PostgreSQL's programs; Debian keeps them off the PATH."""
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    programs = sorted(versions, key=lambda path: float(path.parts[-3]))
    found = programs[-1] if programs else shutil.which("initdb")
    if not found:
        lacking("PostgreSQL", "apt-get install postgresql, or set TEST_DATABASE_URL")
    return Path(found).parent


@contextmanager
def run_postgresql() -> Iterator[str]:
    """Run a server for the block, and give the URL of its database `postgres`."""
    programs = find_programs()
    with tempfile.TemporaryDirectory(prefix="ngw2f-pg-", ignore_cleanup_errors=True) as directory:
        as_user = _as_other_than_root(directory)
        cluster = f"{directory}/cluster"
        initdb = [programs / "initdb", "-D", cluster, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8"]
        _run([*as_user, *initdb, "--no-locale", "--no-sync"], directory)
        options = f"-c listen_addresses='' -c fsync=off -k {directory}"
        control = [*as_user, programs / "pg_ctl", "-D", cluster, "-w"]
        _run([*control, "-l", f"{directory}/log", "-o", options, "start"], directory)
        try:
            yield f"postgresql+psycopg://{SUPERUSER}@/postgres?host={directory}"
        finally:
            _run([*control, "-m", "immediate", "stop"], directory)


def _as_other_than_root(directory: str) -> list[str]:
    """Return what goes before a command, since PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    shutil.chown(directory, "postgres")
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]


def _run(command: list[str | Path], directory: str) -> None:
    # pg_ctl's server keeps what it inherits open, so there is no pipe to wait on.
    with open(f"{directory}/output", "ab") as output:
        subprocess.run(command, cwd=directory, check=True, stdout=output, stderr=output)
