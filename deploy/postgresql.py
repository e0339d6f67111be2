"""PostgreSQL for the stack: a cluster under var/, on a Unix socket only."""

import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from deploy.foundation import end_with_parent, run_until_unused
from ngw2f.broker.embedded import MAX_SOCKET_PATH_BYTES

# PostgreSQL refuses to run as root; the distribution's package makes this user.
USER = "postgres"
ROLE = "chat"
DATABASE = "chat"
SOCKET_NAME = ".s.PGSQL.5432"


def why_not(var: Path) -> str | None:
    """Return why PostgreSQL cannot run here; None if it can."""
    if find_programs() is None:
        return "PostgreSQL is not installed (apt-get install postgresql)"
    try:
        import psycopg  # noqa: F401 # whether it is there
    except ImportError:
        return "its driver is not installed (pip install psycopg[binary])"
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return f"PostgreSQL does not run as root, and there is no user {USER}"
    var.mkdir(exist_ok=True)
    may_enter = subprocess.run([*_as_other_than_root(), "test", "-x", str(var)], check=False)
    return f"the user {USER} may not enter {var}" if may_enter.returncode else None


def find_programs() -> Path | None:
    """Return the folder with the newest PostgreSQL's programs, which Debian keeps off the PATH."""
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    programs = sorted(versions, key=lambda path: float(path.parts[-3]))
    found = programs[-1] if programs else shutil.which("initdb")
    return Path(found).parent if found else None


def url(var: Path) -> str:
    return f"postgresql+psycopg://{ROLE}@/{DATABASE}?host={_socket_directory(var)}"


def run(var: Path, data_path: Path) -> None:
    """Run the server in the foreground; create its cluster first if there is none."""
    programs = find_programs()
    if programs is None:
        raise FileNotFoundError("initdb")
    cluster = var / "postgresql"
    _make_folder(_socket_directory(var))
    if not (cluster / "PG_VERSION").exists():
        _make_cluster(programs, cluster)
    options = {
        "listen_addresses": "",
        "unix_socket_directories": str(_socket_directory(var)),
        # Anyone who can open the socket is trusted, so no other user may open it.
        "unix_socket_permissions": "0700",
    }
    options["log_checkpoints"] = "off"  # Log little: all processes share one screen.
    argv = [*_as_other_than_root(), str(programs / "postgres"), "-D", str(cluster)]
    for name, value in options.items():
        argv += ["-c", f"{name}={value}"]
    run_until_unused(argv, data_path, signal.SIGINT, end_with_parent(signal.SIGINT))


def _make_cluster(programs: Path, cluster: Path) -> None:
    _make_folder(cluster)
    as_user, where = _as_other_than_root(), ["-D", str(cluster)]
    initdb = [str(programs / "initdb"), *where, "-U", ROLE, "-A", "trust", "-E", "UTF8"]
    subprocess.run([*as_user, *initdb, "--no-locale"], check=True, stdout=subprocess.DEVNULL)
    # Without a server, nothing has to be waited for.
    single = [*as_user, str(programs / "postgres"), "--single", *where, "postgres"]
    create = f"CREATE DATABASE {DATABASE};\n"
    subprocess.run(single, input=create, text=True, check=True, stdout=subprocess.DEVNULL)


def _make_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(folder, USER)


def _socket_directory(var: Path) -> Path:
    """Return the socket's directory: beside the cluster, or elsewhere if that path is too long."""
    directory = var / "postgresql-socket"
    if len(os.fsencode(directory / SOCKET_NAME)) <= MAX_SOCKET_PATH_BYTES:
        return directory
    name = hashlib.sha256(os.fsencode(var)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"ngw2f-pg-{os.getuid()}-{name}"


def _as_other_than_root() -> list[str]:
    """Return the prefix of a command that changes the user: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    # Changing the user resets the parent-death signal, so setpriv sets it again.
    user = [f"--reuid={USER}", f"--regid={USER}", "--init-groups"]
    return ["setpriv", *user, "--pdeathsig=INT"]
