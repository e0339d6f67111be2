from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ngw2f.broker.connection import connect
from ngw2f.server.precheck import check, look, needs_client
from ngw2f.settings import SettingError, Settings


@pytest.mark.parametrize("name", ["data_dir", "profile_dir"])
def test_folder_is_made(tmp_path: Path, name: str) -> None:
    values: dict[str, Any] = {"data_dir": str(tmp_path), name: str(tmp_path / "a" / "b")}
    check(Settings(**values))
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("name", ["data_dir", "profile_dir"])
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("file", "is not a folder"),
        ("dangling", "is not a folder"),
        ("file/folder", "cannot be made: Not a directory"),
        ("x" * 300, "cannot be made: File name too long"),
    ],
)
def test_folder_that_cannot_be_had(tmp_path: Path, name: str, path: str, reason: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "none")
    values: dict[str, Any] = {"data_dir": str(tmp_path), name: str(tmp_path / path)}
    with pytest.raises(SettingError, match=f"^NGW2F_{name.upper()}: /.*{reason}$") as caught:
        check(Settings(**values))
    assert len(str(caught.value)) < 300


def test_folder_that_this_user_may_not_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(SettingError, match=r"^NGW2F_DATA_DIR: .* cannot be written by this user$"):
        check(Settings(data_dir=str(tmp_path)))


@pytest.mark.parametrize(
    "url",
    ["redis://h", "redis://127.0.0.1:59999/9", "redis://a-b.example/999", "unix:///run/r_1.s"],
)
def test_url_that_no_client_need_check_is_one_of_redis(url: str) -> None:
    settings = Settings(redis_url=url)
    assert not needs_client(settings)
    connect(settings).close()


@pytest.mark.parametrize(
    "url",
    [
        "redis://h:65536",
        "redis://h/x",
        "redis://:pass@h",
        "redis://h?db=1",
        "unix://a",
        "rediss://h",
    ],
)
def test_url_that_a_client_has_to_check(url: str) -> None:
    assert needs_client(Settings(redis_url=url))


@pytest.mark.parametrize(
    "url",
    [
        "redis://h?timeout=1",
        "redis://h?socket_timeout=x",
        "redis://h?protocol=9",
        "rediss://h?ssl_cert_reqs=maybe",
        "unix:///s?x=1",
    ],
)
@pytest.mark.parametrize("before", [check, look])
def test_options_that_no_redis_has(
    tmp_path: Path, url: str, before: Callable[[Settings], None]
) -> None:
    with pytest.raises(SettingError, match=r"^NGW2F_REDIS_URL: its options are wrong"):
        before(Settings(data_dir=str(tmp_path), redis_url=url))


@pytest.mark.parametrize("before", [check, look])
def test_links_that_no_policy_allows(tmp_path: Path, before: Callable[[Settings], None]) -> None:
    with pytest.raises(SettingError, match=r"^NGW2F_LINKS_ALLOW: "):
        before(Settings(data_dir=str(tmp_path), links_allow=["x"]))
