"""nginx itself, and those who check its configuration, have nothing to say about it."""

import gzip
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import brotli
import pytest

from nginx import render as module
from nginx.render import HERE, PLACEHOLDER, command, main, render, write_static
from ngw2f.paths import LONG_LIVED
from tests.needs import lacking
from tests.nginx.running import make_front


@pytest.fixture
def front(directory: Path, tmp_path: Path) -> module.Front:
    front = make_front(tmp_path, [directory / "one.sock"], limits=True)
    render(front)
    return front


def test_nginx_finds_nothing(front: module.Front) -> None:
    told = subprocess.run([*command(front), "-t"], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert "warn" not in told.stderr


def test_there_is_a_worker_for_each_processor(front: module.Front) -> None:
    told = subprocess.run([*command(front), "-T"], capture_output=True, text=True)
    assert re.findall(r"(?m)^worker_processes .*$", told.stdout) == ["worker_processes auto;"]


def test_gixy_finds_nothing(front: module.Front) -> None:
    here = Path(sys.executable).parent
    gixy = shutil.which("gixy", path=f"{here}{os.pathsep}{os.environ['PATH']}")
    gixy = gixy or lacking("gixy", "pip install gixy-ng")
    configuration = front.directory / "nginx.conf"
    told = subprocess.run([gixy, configuration], capture_output=True, text=True)
    assert "No issues found" in told.stdout, told.stdout


def test_every_part_is_included() -> None:
    parts = {path.name for path in HERE.glob("*.conf")} - {"nginx.conf"}
    text = "".join(path.read_text() for path in HERE.glob("*.conf"))
    assert [part for part in parts if f"include {part};" not in text] == []


def test_every_part_is_in_the_list() -> None:
    listed = (HERE / "nginx.conf").read_text().partition("\n\n")[0]
    assert [path.name for path in HERE.glob("*.conf") if path.name not in listed] == []


def test_every_long_lived_path_is_sent_at_once() -> None:
    site = (HERE / "site.conf").read_text()
    live = [each for each in HERE.glob("*.conf") if "include live.conf;" in each.read_text()]
    names = "|".join(["live.conf", *(each.name for each in live if each.name != "site.conf")])
    locations = re.findall(rf"location (?:= )?(\S+) {{[^}}]*include (?:{names});", site)
    assert sorted(locations) == sorted(LONG_LIVED)


def test_nothing_is_left_to_fill_in(front: module.Front) -> None:
    parts = front.directory.glob("*.conf")
    assert [part.name for part in parts if PLACEHOLDER.search(part.read_text())] == []


def test_all_is_written_in_its_folder(front: module.Front, tmp_path: Path) -> None:
    told = subprocess.run([*command(front), "-T"], capture_output=True, text=True).stdout
    written = [line.split()[1] for line in told.splitlines() if "_temp_path " in line]
    assert len(written) == 5
    assert all(path.startswith(str(tmp_path)) for path in written)


def test_static_files_are_compressed_in_both_ways(tmp_path: Path) -> None:
    write_static(tmp_path)
    for path in (tmp_path / "chat.js", tmp_path / "icon.svg"):
        whole = path.read_bytes()
        assert brotli.decompress(path.with_name(f"{path.name}.br").read_bytes()) == whole
        assert gzip.decompress(path.with_name(f"{path.name}.gz").read_bytes()) == whole


def test_variant_of_an_older_file_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that has become too small to be compressed, and one that is no more."""
    static, target = tmp_path / "static", tmp_path / "target"
    static.mkdir()
    monkeypatch.setattr(module, "STATIC", static)
    for name in ("a.css", "b.css"):
        (static / name).write_text("a { color: red }\n" * 100)
    write_static(target)
    assert (target / "a.css.gz").exists()
    (static / "a.css").write_text("a{}")
    (static / "b.css").unlink()
    write_static(target)
    assert [path.name for path in target.iterdir()] == ["a.css"]


def test_brotli_where_nginx_has_it(front: module.Front, tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    for is_there in (False, True):
        if is_there:
            modules.mkdir()
            (modules / "ngx_http_brotli_static_module.so").touch()
        render(replace(front, modules=modules))
        text = "".join(path.read_text() for path in front.directory.glob("*.conf"))
        assert ("brotli_static on;" in text) == is_there
        assert (f"load_module {modules}/" in text) == is_there


def test_written_over_the_distributions_own(
    front: module.Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into /etc/nginx, where the table of types is the one that is copied."""
    types = front.directory / "mime.types"
    before = types.read_bytes()
    monkeypatch.setattr(module, "_mime_types", lambda _program: types)
    render(front)
    assert types.read_bytes() == before


def test_pid_is_where_a_server_looks_for_it(front: module.Front, tmp_path: Path) -> None:
    """The distribution's unit waits for that file, and reloads by it."""
    options = ["--name", "localhost", "--server", "unix:/run/one.sock"]
    options += ["--certificate", str(front.certificate), "--key", str(front.key)]
    main([*options, "--directory", str(tmp_path / "etc"), "--run", str(tmp_path / "run")])
    assert "pid /run/nginx.pid;" in (tmp_path / "etc/nginx.conf").read_text()


def test_instance_of_another_machine_may_be_put_aside(front: module.Front) -> None:
    """A machine that is cut off refuses nothing: each request would wait for it."""
    render(replace(front, servers=["10.0.0.1:8000", "unix:/run/one.sock"]))
    upstreams = (front.directory / "upstreams.conf").read_text()
    assert upstreams.count("server 10.0.0.1:8000 max_fails=2 fail_timeout=5s;") == 3
    assert upstreams.count("server 10.0.0.1:8000 max_fails=0;") == 2
    assert upstreams.count("server unix:/run/one.sock max_fails=0;") == 5
