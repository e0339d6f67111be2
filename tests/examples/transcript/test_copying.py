"""The copy in which a transcript is played has what npm installed, as a link."""

from pathlib import Path

import pytest

from examples.transcript.copying import copy
from examples.transcript.ports import Ports


@pytest.fixture
def source(tmp_path: Path) -> Path:
    directory = tmp_path / "source"
    directory.mkdir()
    return directory


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def test_what_npm_installed_is_linked_as_it_is(source: Path, target: Path) -> None:
    module = source / "node_modules" / "it" / "index.js"
    module.parent.mkdir(parents=True)
    module.write_text("listen(8000)")
    copy(source, target, Ports())
    assert (target / "node_modules").is_symlink()
    assert (target / "node_modules/it/index.js").read_text() == "listen(8000)"


def test_link_of_a_copy_leads_to_the_same(
    source: Path, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "node_modules").mkdir()
    monkeypatch.chdir(tmp_path)
    copy(source.relative_to(tmp_path), target, Ports())
    copy(target, tmp_path / "other" / "target", Ports())
    assert (tmp_path / "other/target/node_modules").resolve() == source / "node_modules"


def test_without_npm_there_is_no_link(source: Path, target: Path) -> None:
    copy(source, target, Ports())
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("name", ["nginx.conf", "client.js", "valkey.sh", "deep/nginx.conf"])
def test_files_that_name_ports_have_the_free_ones(source: Path, target: Path, name: str) -> None:
    (source / name).parent.mkdir(exist_ok=True)
    (source / name).write_text("listen 8000")
    ports = Ports()
    copy(source, target, ports)
    assert (target / name).read_text() == f"listen {ports['8000']}"


def test_programs_are_copied_as_they_are_and_caches_are_not(source: Path, target: Path) -> None:
    (source / "__pycache__").mkdir()
    (source / "client.py").write_text("port = 8000")
    copy(source, target, Ports())
    assert [path.name for path in target.iterdir()] == ["client.py"]
    assert (target / "client.py").read_text() == "port = 8000"
