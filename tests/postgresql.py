"""A PostgreSQL for the tests alone: in a folder of its own, on a Unix socket, not synced."""

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
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


class PostgreSQLServer:
    """A cluster in *directory*, and the server that has it."""

    def __init__(self, directory: str, options: str = "", access: str = "") -> None:
        """*options* are the server's; *access* is added to pg_hba.conf."""
        programs = find_programs()
        self.directory = directory
        self.url = f"postgresql+psycopg://{SUPERUSER}@/postgres?host={directory}"
        # What autovacuum does depends on when it comes, and so do plans and the order of rows.
        settings = "-c listen_addresses='' -c fsync=off -c autovacuum=off"
        self._options = f"{settings} -k {directory} {options}"
        as_user = _as_other_than_root(directory)
        cluster = f"{directory}/cluster"
        _run(["cp", "-a", _new_cluster(), cluster], directory)
        with open(f"{cluster}/pg_hba.conf", "a") as rules:
            rules.write(access)
        self._control: list[str | Path] = [*as_user, programs / "pg_ctl", "-D", cluster, "-w"]

    def start(self) -> None:
        _run([*self._control, "-l", f"{self.directory}/log", "-o", self._options, "start"],
             self.directory)  # fmt: skip

    def stop(self) -> None:
        """End it without goodbye: it recovers when it is started again."""
        _run([*self._control, "-m", "immediate", "stop"], self.directory)


@contextmanager
def run_postgresql() -> Iterator[str]:
    """Run a server for the block, and give the URL of its database `postgres`."""
    with running_postgresql() as server:
        yield server.url


@contextmanager
def running_postgresql(options: str = "", access: str = "") -> Iterator[PostgreSQLServer]:
    """Run a server for the block that can be stopped and started in it."""
    with tempfile.TemporaryDirectory(prefix="ngw2f-pg-", ignore_cleanup_errors=True) as directory:
        server = PostgreSQLServer(directory, options, access)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@cache
def _new_cluster() -> Path:
    """Return a cluster that has never been started; to copy it takes a tenth of the time."""
    directory = tempfile.mkdtemp(prefix="ngw2f-pg-new-")
    atexit.register(shutil.rmtree, directory)
    initdb: list[str | Path] = [find_programs() / "initdb", "-D", f"{directory}/cluster"]
    options = ["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
    _run([*_as_other_than_root(directory), *initdb, *options], directory)
    return Path(directory) / "cluster"


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
