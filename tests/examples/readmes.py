"""The commands of READMEs, run where the chat is installed and its checkout is not seen."""

import os
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import examples
from examples.transcript.environ import copied
from examples.transcript.machine import free_port
from ngw2f.locks import file_lock
from tests.examples.needs import CHEAPLY

WALK = Path(examples.__file__).parent
# A busy machine takes several times as long as an idle one.
PLAY_SECONDS = 600
# Programs of what the package needs, which steps start.
SCRIPTS = {"celery", "flask", "granian", "gunicorn", "rq", "uvicorn", "uwsgi"}
# Lines of READMEs that measure. Each step's test runs them, and looks at what they print: the
# test of READMEs leaves them out.
MEASURING = {
    "gunicorn": ["python workers.py"],
    "live": ["python measure.py && python crowd.py"],
    "servers": ["python rule.py", "python kinds.py"],
    "slow": ["python measure.py"],
}


def install_once(directory: Path, dist: Path) -> Path:
    """Install distributions into *directory*; give its programs' folder.

    Whoever else asks for it with the same *directory* waits, and gets the same one.
    """
    directory.mkdir(exist_ok=True)
    with file_lock(directory / "lock"):
        if not (directory / "installed").exists():
            install(directory, dist)
            (directory / "installed").touch()
    return directory / "environment" / "bin"


def install(directory: Path, dist: Path) -> None:
    """Install the wheels of the chat and the middleware into a new environment.

    What they need is there as it is in this environment: nothing is downloaded. The examples,
    which no wheel has, are where a copied step finds the runner of its transcripts.
    """
    environment = directory / "environment"
    venv.create(environment, symlinks=True)
    where = {"base": str(environment), "platbase": str(environment)}
    shutil.copytree(dist.parent / "source" / "examples", directory / "runner" / "examples")
    needed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    modules = Path(sysconfig.get_path("purelib", vars=where))
    (modules / "needed.pth").write_text("\n".join([*needed, str(directory / "runner")]))
    programs = environment / "bin"
    for path in Path(sysconfig.get_path("scripts")).iterdir():
        if path.name in SCRIPTS:
            _, _, rest = path.read_text().partition("\n")
            (programs / path.name).write_text(f"#!{programs}/python\n{rest}")
            (programs / path.name).chmod(0o755)
    options = ["--quiet", "--no-index", "--no-deps"]
    subprocess.run(
        [programs / "python", "-m", "pip", "install", *options, *dist.glob("*.whl")],
        check=True, timeout=PLAY_SECONDS,
    )  # fmt: skip


def environ_without_checkout(*, migrates: bool = True) -> dict[str, str]:
    """Return an environment whose chats migrate their databases, or begin with a copy."""
    environ = copied() | {"PYTHONPATH": CHEAPLY}
    if migrates:
        del environ["MIGRATED_SQLITE"]
    return environ


def environ_of_commands(programs: Path, port: str) -> dict[str, str]:
    """Return the environment of a README's commands, whose gunicorn takes this port.

    Their chats do not migrate; that of a README's session does.
    """
    return {
        **environ_without_checkout(migrates=False),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{port}",
    }


def copy_step(step: str, directory: Path) -> Path:
    """Copy the folder of a step into *directory*; return the copy."""
    unwanted = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(WALK / step, directory / step, ignore=unwanted))


def print_measured(step: str, directory: Path, programs: Path) -> list[str]:
    """Run the measuring lines of a README as written; return the lines that they print."""
    readme = (WALK / step / "README.md").read_text(encoding="utf-8")
    lines = MEASURING[step]
    assert all(f"\n    {line}\n" in readme for line in lines), "they are not as written"
    ran = subprocess.run(
        ["bash", "-euc", "\n".join(lines)], cwd=copy_step(step, directory),
        env=environ_of_commands(programs, str(free_port())), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PLAY_SECONDS,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    return ran.stdout.splitlines()


def figures_of(lines: list[str], count: int) -> dict[str, list[float]]:
    """Return the numbers at the ends of lines, as many of each, by what stands before them."""
    rows = (line.split() for line in lines)
    return {" ".join(row[:-count]): [float(each) for each in row[-count:]] for row in rows}
