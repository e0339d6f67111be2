"""A real nginx before two instances that record what they get."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nginx.recorder import Instance, Recorder
from tests.nginx.running import Client, make_front, running


@pytest.fixture(scope="session")
def directory() -> Iterator[Path]:
    """Give a folder with a short name: sockets lie in it."""
    with tempfile.TemporaryDirectory(
        prefix="ngw2f-nginx-", ignore_cleanup_errors=True
    ) as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def instances(directory: Path) -> Iterator[list[Instance]]:
    with Instance(directory / "one.sock") as one, Instance(directory / "two.sock") as two:
        yield [one, two]


@pytest.fixture(scope="session")
def running_client(directory: Path, instances: list[Instance]) -> Iterator[Client]:
    sockets = [instance.path for instance in instances]
    front = make_front(directory, sockets, uploads=directory / "uploads")
    with running(front) as client:
        yield client


@pytest.fixture
def recorders(instances: list[Instance]) -> list[Recorder]:
    """Give what the instances get, with nothing in it yet."""
    for instance in instances:
        instance.forget()
    return [instance.recorder for instance in instances]


@pytest.fixture
def client(running_client: Client, recorders: list[Recorder]) -> Client:
    return running_client
