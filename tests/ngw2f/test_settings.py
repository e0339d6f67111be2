import os
from pathlib import Path

import pytest

from ngw2f.settings import (
    SettingError,
    Settings,
    former_settings,
    load_settings,
    unknown_variables,
)


def load(tmp_path: Path, environ: dict[str, str] | None = None, **files: str) -> Settings:
    names = {"settings": "settings.toml", "secrets": ".secrets.toml"}
    for name, content in files.items():
        (tmp_path / names[name]).write_text(content)
    return load_settings(tmp_path, environ or {})


def test_nothing_set_is_default(tmp_path: Path) -> None:
    assert load(tmp_path) == Settings()


def test_checkout_is_valid() -> None:
    assert load_settings() == Settings(data_dir=load_settings().data_dir)


def test_section_overrides_default(tmp_path: Path) -> None:
    toml = "[default]\ntoken_days = 1\nstream_length = 5\n[production]\ntoken_days = 2\n"
    settings = load(tmp_path, {"NGW2F_ENV": "production"}, settings=toml)
    assert (settings.token_days, settings.stream_length) == (2, 5)


def test_secrets_override_settings(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        settings='[development]\nredis_url = "redis://one"\n',
        secrets='[development]\nredis_url = "redis://two"\n',
    )
    assert settings.redis_url == "redis://two"


def test_environment_overrides_all(tmp_path: Path) -> None:
    secrets = "[development]\nanonymous_read = true\n"
    settings = load(tmp_path, {"NGW2F_ANONYMOUS_READ": "false"}, secrets=secrets)
    assert settings.anonymous_read is False


def test_directory_from_environment(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[development]\nstream_length = 7\n")
    assert load_settings(environ={"NGW2F_SETTINGS": str(tmp_path)}).stream_length == 7


def test_list_is_comma_separated(tmp_path: Path) -> None:
    settings = load(tmp_path, {"NGW2F_LINKS_ALLOW": "localhost:8001, example.org:80,"})
    assert settings.links_allow == ["localhost:8001", "example.org:80"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NGW2F_DATA_DIR", ""),
        ("NGW2F_MAX_BODY_BYTES", "a lot"),
        ("NGW2F_MAX_BODY_BYTES", "0"),
        ("NGW2F_RATE_LIMIT", "perhaps"),
        ("NGW2F_TOKEN_DAYS", "-1"),
        ("NGW2F_TOKEN_DAYS", "nan"),
        ("NGW2F_REDIS_URL", "localhost:6379"),
        ("NGW2F_REDIS_URL", "redis://localhost:none"),
        ("NGW2F_REDIS_URL", "rediss://localhost:99999"),
        ("NGW2F_REDIS_URL", "redis+sentinel://localhost/chat"),
        ("NGW2F_REDIS_URL", "redis+sentinel://localhost:1/chat/first"),
        ("NGW2F_REDIS_URL", "redis+sentinel://localhost:1,localhost:65536/chat"),
        ("NGW2F_DATABASE_URL", "mysql://localhost/chat"),
        ("NGW2F_DATABASE_URL", "sqlite://"),
        ("NGW2F_DATABASE_URL", "sqlite:///:memory:"),
        ("NGW2F_DATABASE_URL", "sqlite:///file:chat?mode=memory&uri=true"),
        ("NGW2F_DATABASE_URL", "\n"),
        ("NGW2F_REDIS_URL", "unix://"),
        ("NGW2F_REDIS_URL", "unix://valkey.sock"),
        ("NGW2F_REDIS_URL", "redis://localhost/first"),
        ("NGW2F_REDIS_URL", "redis://localhost\n"),
        ("NGW2F_ROOMS_PER_ACCOUNT", "99999999999999999999"),
        ("NGW2F_EMBEDDED_WORKERS", "1000000"),
        ("NGW2F_CACHE_BYTES", "9" * 5000),
        ("NGW2F_REDIS_PREFIX", "x" * 5000),
        ("NGW2F_LINKS_USER_AGENT", os.fsdecode(b"\xff")),
        ("NGW2F_LINKS_ALLOW", os.fsdecode(b"\xff")),
        ("NGW2F_LOG_LEVEL", "LOUD"),
        ("NGW2F_TRUSTED_ORIGINS", "https://app.example.org,app.example.org"),
        ("NGW2F_TRUSTED_ORIGINS", "https://app.example.org/"),
        ("NGW2F_TRUSTED_ORIGINS", "https://app.example.org:443"),
        ("NGW2F_TRUSTED_ORIGINS", "null"),
        ("NGW2F_TRUSTED_ORIGINS", "*"),
        ("NGW2F_TRUSTED_ORIGINS", "https://" + "x" * 5000 + "/"),
    ],
)
def test_wrong_value_names_the_setting(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingError) as caught:
        load(tmp_path, {name: value})
    line = str(caught.value)
    assert line.startswith(f"{name}: ")
    assert "\n" not in line
    assert len(line) < 250


@pytest.mark.parametrize(
    ("name", "value", "may_be"),
    [
        ("NGW2F_RATE_LIMIT", "no", "true or false"),
        ("NGW2F_LOG_FORMAT", "xml", "json or text"),
        ("NGW2F_LOG_LEVEL", "info", "CRITICAL, DEBUG, ERROR, INFO or WARNING"),
        ("NGW2F_TRUSTED_PROXIES", "11", "a whole number from 0 to 10"),
        ("NGW2F_TOKEN_DAYS", "0", "a number above 0 and up to 3650"),
        ("NGW2F_LINKS_PORTS", "0", "a list, and each of it a whole number from 1 to 65535"),
        ("NGW2F_DATA_DIR", "", "text, and not empty"),
        ("NGW2F_REDIS_PREFIX", "x" * 101, "text of at most 100 characters"),
    ],
)
def test_wrong_value_is_told_what_it_may_be(
    tmp_path: Path, name: str, value: str, may_be: str
) -> None:
    with pytest.raises(SettingError, match=f"^{name}: it must be {may_be}, not ") as caught:
        load(tmp_path, {name: value})
    assert str(caught.value).partition(", not ")[2][:60] in f"{value!r} {[value]!r}"


def test_trusted_origins_are_exact(tmp_path: Path) -> None:
    origins = ["https://app.example.org", "http://[::1]:8000", "tauri://localhost"]
    settings = load(tmp_path, {"NGW2F_TRUSTED_ORIGINS": ", ".join(origins)})
    assert settings.trusted_origins == origins
    assert load(tmp_path).trusted_origins == []


def test_type_that_a_variable_cannot_have(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"^NGW2F_PROFILE_DIR: it must be text, not 1$"):
        load(tmp_path, settings="[development]\nprofile_dir = 1\n")


def test_text_with_a_nul(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"^NGW2F_DATA_DIR: it has a NUL in it$"):
        load(tmp_path, settings='[development]\ndata_dir = "a\\u0000b"\n')


def test_wrong_value_in_file(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"NGW2F_STREAM_LENGTH: it must be a whole number"):
        load(tmp_path, settings="[development]\nstream_length = []\n")


def test_secret_value_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as caught:
        load(tmp_path, {"NGW2F_DATABASE_URL": "mysql://chat:hush@localhost/chat"})
    assert "hush" not in str(caught.value)
    with pytest.raises(SettingError) as caught:
        load(tmp_path, {"NGW2F_REDIS_URL": "redis://:hush/hush@localhost:1"})
    assert "hush" not in str(caught.value)


def test_unknown_name_in_file(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="NGW2F_TOKEN_DAY: there is no such setting"):
        load(tmp_path, settings="[development]\ntoken_day = 1\n")


def test_names_in_a_file_are_shown_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"^NGW2F_'A\\NB': there is no such setting$"):
        load(tmp_path, settings='[development]\n"a\\nb" = 1\n')


@pytest.mark.parametrize(
    "content",
    [
        "= 1",
        "default = 1",
        "[development]\nx = '\x00'",
        f"[development]\nx = {'9' * 5000}",
        f"[development]\nx = {'[' * 5000}",
    ],
    ids=["no name", "no section", "NUL", "long number", "deep"],
)
def test_file_that_is_none(tmp_path: Path, content: str) -> None:
    with pytest.raises(SettingError, match=r"^settings\.toml: "):
        load(tmp_path, settings=content)


def test_file_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / ".secrets.toml").write_bytes(b"\xff")
    with pytest.raises(SettingError, match=r"^\.secrets\.toml: "):
        load_settings(tmp_path, {})


def test_unknown_section(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"NGW2F_ENV: settings\.toml has no section \[prod\]"):
        load(tmp_path, {"NGW2F_ENV": "prod"}, settings="[production]\n")


def test_section_is_shown_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"^NGW2F_ENV: .* no section \['a\\n'\]$"):
        load(tmp_path, {"NGW2F_ENV": "a\n"}, settings="[production]\n")


def test_folder_of_settings_that_is_not_there(tmp_path: Path) -> None:
    """The defaults would trust no proxy, and nobody would be told."""
    with pytest.raises(SettingError, match=r"^NGW2F_SETTINGS: there is no folder '/.*/none'$"):
        load_settings(environ={"NGW2F_SETTINGS": f"{tmp_path}/none"})


def test_unknown_variables_are_named() -> None:
    environ = {"NGW2F_TOKEN_DAY": "1", "NGW2F_ENV": "x", "NGW2F_DATA_DIR": "var", "PATH": "/"}
    assert unknown_variables(environ) == ["NGW2F_TOKEN_DAY"]


def test_unknown_variable_is_ignored(tmp_path: Path) -> None:
    assert load(tmp_path, {"NGW2F_TOKEN_DAY": "1"}) == Settings()


def test_embedded_unless_redis_is_named() -> None:
    assert Settings().is_embedded
    assert not Settings(redis_url="redis://localhost").is_embedded


def test_sqlite_unless_database_is_named(tmp_path: Path) -> None:
    assert Settings(data_dir="/d").sqlalchemy_url == "sqlite:////d/chat.sqlite3"
    assert Settings(database_url="postgresql:///x").sqlalchemy_url == "postgresql:///x"


def test_list_of_numbers(tmp_path: Path) -> None:
    assert load(tmp_path, {"NGW2F_LINKS_PORTS": "8080, 8443"}).links_ports == [8080, 8443]


@pytest.mark.parametrize("ports", ["0", "65536", "http"])
def test_wrong_port_names_the_setting(tmp_path: Path, ports: str) -> None:
    with pytest.raises(SettingError, match=r"^NGW2F_LINKS_PORTS: "):
        load(tmp_path, {"NGW2F_LINKS_PORTS": ports})


def test_user_agent_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"^NGW2F_LINKS_USER_AGENT: "):
        load(tmp_path, {"NGW2F_LINKS_USER_AGENT": "a\r\nCookie: b"})


def test_data_directory_is_utf8() -> None:
    with pytest.raises(SettingError, match="NGW2F_DATA_DIR: it is not valid UTF-8"):
        load_settings(Path("/nowhere"), {"NGW2F_DATA_DIR": os.fsdecode(b"/srv/\xff")})


@pytest.mark.parametrize(
    ("text", "environ"),
    [("", {"NGW2F_STICKY": "true"}), ("sticky = true", {}), ("sticky = 5", {"NGW2F_STICKY": "x"})],
    ids=["environment", "TOML", "both"],
)
def test_former_setting_is_named_and_stops_nothing(
    tmp_path: Path, text: str, environ: dict[str, str]
) -> None:
    (tmp_path / "settings.toml").write_text(f"[default]\n{text}\n[development]\n")
    assert load_settings(tmp_path, environ) == load_settings(tmp_path, {}) == Settings()
    (line,) = former_settings(tmp_path, environ)
    assert line.startswith("NGW2F_STICKY: no setting any more")
    assert unknown_variables(environ) == []


def test_nothing_former_is_named_where_none_is_given(tmp_path: Path) -> None:
    assert former_settings(tmp_path, {"NGW2F_TOKEN_DAYS": "1"}) == []
