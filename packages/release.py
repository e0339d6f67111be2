"""Make a release: `python -m packages.release VERSION`, on a clean main.

It writes the version into its three places, gives CHANGELOG.md's Unreleased section that name,
checks, builds both distributions, commits and tags. Pushing the tag publishes it
(.github/workflows/release.yml). If a step fails, the files are as they were before.
"""

import datetime
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
CHANGELOG = "CHANGELOG.md"
# Each place has the version once, where this matches.
PLACES = {
    "middleware/__init__.py": re.compile(r'(?m)^(__version__ = ")([^"]+)'),
    "ngw2f/__init__.py": re.compile(r'(?m)^(__version__ = ")([^"]+)'),
    "setup.cfg": re.compile(r"(?m)^(    ngw2f-middleware==)(\S+)"),
}
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
UNRELEASED = "## Unreleased\n"

Run = Callable[[list[str]], None]


class NotReadyError(Exception):
    """Why there is no release."""


def numbers_of(version: str) -> tuple[int, ...]:
    """Return a version as numbers; NotReadyError if it is not three of them."""
    if not VERSION.fullmatch(version):
        raise NotReadyError(f"a version is three numbers, as in 0.2.0, and not {version!r}")
    return tuple(map(int, version.split(".")))


def current_version(root: Path) -> str:
    """Return the version that all places have; NotReadyError if they differ."""
    found = {}
    for name, pattern in PLACES.items():
        match = pattern.search((root / name).read_text(encoding="utf-8"))
        found[name] = match[2] if match else None
    version, *others = set(found.values())
    if others or version is None:
        raise NotReadyError(f"the places of the version differ: {found}")
    return version


def section_of(changelog: str) -> str:
    """Return what is under Unreleased; NotReadyError if nothing is."""
    _, found, rest = changelog.partition(UNRELEASED)
    section = re.split(r"(?m)^## ", rest)[0].strip()
    if not found or not section:
        raise NotReadyError(f"{CHANGELOG} has nothing under Unreleased")
    return section


def with_release(changelog: str, version: str, day: datetime.date) -> str:
    """Return the changelog with its Unreleased section under the version's name."""
    return changelog.replace(UNRELEASED, f"{UNRELEASED}\n## {version} - {day}\n", 1)


def release(version: str, root: Path, run: Run, day: datetime.date) -> None:
    """Do all of it in *root*; *run* runs a command there and raises if it fails."""
    is_first = (
        version == current_version(root)
        and f"## {version} - " not in (root / CHANGELOG).read_text()
    )
    if not is_first and numbers_of(version) <= numbers_of(current_version(root)):
        raise NotReadyError(f"{version} is not newer than {current_version(root)}")
    numbers_of(version)
    before = {name: (root / name).read_text(encoding="utf-8") for name in [*PLACES, CHANGELOG]}
    section = section_of(before[CHANGELOG])
    run(["git", "diff", "--quiet", "HEAD"])
    after = {
        name: pattern.sub(rf"\g<1>{version}", before[name]) for name, pattern in PLACES.items()
    }
    after[CHANGELOG] = with_release(before[CHANGELOG], version, day)
    try:
        write(root, after)
        run(["make", "check", "dist"])
        run(["git", "commit", "--quiet", "--all", "--message", f"Release {version}"])
    except BaseException:
        write(root, before)
        raise
    run(["git", "tag", "--annotate", f"v{version}", "--message", f"{version}\n\n{section}"])


def write(root: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    def run(command: list[str]) -> None:
        subprocess.run(command, cwd=ROOT, check=True)

    try:
        [version] = arguments
        release(version, ROOT, run, datetime.datetime.now(datetime.UTC).date())
    except ValueError:
        sys.stderr.write("usage: python -m packages.release VERSION\n")
        return 2
    except (NotReadyError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"no release: {error}\n")
        return 1
    sys.stdout.write(f"Look at it, then: git push origin main v{version}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
