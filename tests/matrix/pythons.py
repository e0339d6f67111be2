"""Run the middleware's suite on other Pythons: `python -m tests.matrix.pythons [VERSION...]`.

For each, the wheel is installed into a new environment, and the suite is that of the sdist: what
a user has who installs `ngw2f-middleware`. uv finds the versions, or downloads them (`3.14t` is the
free-threaded 3.14). A version that uv cannot get counts as failed.
"""

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tests.distributions import MIDDLEWARE, build

VERSIONS = ["3.11", "3.12", "3.13", "3.14", "3.14t"]
UV = [sys.executable, "-m", "uv"]


def main(versions: list[str]) -> int:
    """Return how many versions failed."""
    with tempfile.TemporaryDirectory(prefix="ngw2f-") as name:
        directory = Path(name)
        dist = build(directory, MIDDLEWARE)
        [sdist], [wheel] = dist.glob("*.tar.gz"), dist.glob("*.whl")
        with tarfile.open(sdist) as archive:
            archive.extractall(directory, filter="data")
        suite = directory / sdist.name.removesuffix(".tar.gz")
        results = {version: run(version, suite, wheel) for version in versions}
    for version, result in results.items():
        sys.stdout.write(f"{version}: {result or 'passed'}\n")
    return sum(result != "" for result in results.values())


def run(version: str, suite: Path, wheel: Path) -> str:
    """Run the suite on a version; return what went wrong, or ""."""
    environment = suite.parent / version
    python = environment / "bin" / "python"
    # gevent has no greenlets without the interpreter's lock.
    groups = ["test"] if version.endswith("t") else ["test", "gevent"]
    chosen = [word for group in groups for word in ("--group", group)]
    steps = {
        "cannot be had": [*UV, "venv", "--quiet", "--python", version, str(environment)],
        "what the tests need cannot be installed": [
            *UV, "pip", "install", "--quiet", "--python", str(python), *chosen, str(wheel),
        ],
        "failed": [str(python), "-m", "pytest", "-q"],
    }  # fmt: skip
    for what, command in steps.items():
        if subprocess.run(command, cwd=suite, check=False).returncode:
            return what
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or VERSIONS))
