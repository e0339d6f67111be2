"""Run the `ngw2f` command on the data of a service: with its environment, as its user.

    ngw2f doctor                                                      (deploy/ngw2f, as root)
    python -m deploy.operate --environment var/stack/environment doctor    (of `make stack`)

User, environment and its file are those of the shipped unit for workers, deploy/systemd/.
Files that the command reads and writes are meant from the current folder.
"""

import argparse
import os
import pwd
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UNIT = ROOT / "deploy" / "systemd" / "ngw2f-worker.service"


def read_environment(lines: Iterable[str]) -> dict[str, str]:
    """Return the variables of an EnvironmentFile as systemd reads it (systemd.exec(5)).

    Unlike in a shell, `$` is an ordinary character: passwords may have one.
    """
    variables = {}
    for line in lines:
        name, is_one, text = line.strip().partition("=")
        if not is_one or name.startswith(("#", ";")):
            continue
        text = text.strip()
        if text[:1] in ("'", '"'):
            text = "".join(shlex.split(text)[:1])
        variables[name.strip()] = text
    return variables


def read_unit(path: Path) -> dict[str, str]:
    """Return the unit's settings; of a repeated one, the last."""
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and line[0] not in "#;")


def become(name: str) -> None:
    """Switch to that user, if this is root; only that user may read new files."""
    if os.geteuid() == 0:
        user = pwd.getpwnam(name)
        os.initgroups(name, user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    os.umask(0o077)


def run(environment: Path | None, arguments: Sequence[str]) -> None:
    """Become the command. Raises OSError, or KeyError if there is no such user."""
    unit = read_unit(UNIT)
    variables = {"NGW2F_SETTINGS": str(ROOT)}
    if environment is None:
        variables = {"NGW2F_SETTINGS": unit["WorkingDirectory"]}
        variables |= read_environment([unit["Environment"]])
    file = environment or Path(unit["EnvironmentFile"])
    variables |= read_environment(file.read_text().splitlines())
    if environment is None:
        become(unit["User"])
    path = f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    os.environ.update(variables, PYTHONPATH=path.rstrip(os.pathsep))
    os.execv(sys.executable, [sys.executable, "-P", "-m", "ngw2f", *arguments])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; an error ends it with one line."""
    parser = argparse.ArgumentParser("deploy.operate", description=__doc__)
    parser.add_argument("--environment", type=Path, help="a file of NAME=VALUE; then as this user")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of ngw2f")
    options = parser.parse_args(arguments)
    try:
        run(options.environment, options.arguments)
    except PermissionError as error:
        sys.exit(f"ngw2f: {error.filename or 'the user'} is not for this user; run it as root")
    except FileNotFoundError as error:
        sys.exit(f"ngw2f: {error.filename} is not there; docs/deploying.md says what is in it")
    except KeyError as error:
        sys.exit(f"ngw2f: {error.args[0]}")


if __name__ == "__main__":
    main()
