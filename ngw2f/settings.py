"""Typed settings from TOML, secrets and environment.

Later wins: the defaults below, `[default]` of settings.toml, its section for
the environment (`NGW2F_ENV`, `development` unless set), the same two sections
of .secrets.toml, environment variables `NGW2F_NAME`.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Meta

PREFIX = "NGW2F_"
# Names with the prefix that are no settings: which section to read, and the
# two by which a server hands itself over to its successor (ngw2f/embedded.py).
RESERVED = {"ENV", "SETTINGS", "LIFELINE", "STATUS"}

MEGABYTE = 1024 * 1024
Positive = Annotated[int, Meta(ge=1)]
Days = Annotated[float, Meta(gt=0, le=3650)]
Seconds = Annotated[float, Meta(ge=0, le=3600)]
DatabaseURL = Annotated[str, Meta(pattern=r"^$|^(sqlite|postgresql)(\+\w+)?://")]
SENTINEL_URL = r"redis\+sentinel://([^:@/]*:[^@/]*@)?[^@/,]+:\d+(,[^@/,]+:\d+)*/[^/?]+(/\d+)?"
RedisURL = Annotated[str, Meta(pattern=rf"^$|^(rediss?|unix)://|^{SENTINEL_URL}$")]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


class SettingError(Exception):
    """A setting has a wrong name or value; the message is one line that names it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may decide. Times in the unit that the name says."""

    # Where state lives: the SQLite database, the embedded broker's data.
    data_dir: Annotated[str, Meta(min_length=1)] = "var"
    # SQLAlchemy's URL; empty: SQLite under data_dir.
    database_url: DatabaseURL = ""
    # Connections of each process to PostgreSQL, at most; SQLite has no such limit.
    database_connections: Positive = 20
    # redis://, rediss://, unix:// or redis+sentinel://; empty: the embedded Valkey.
    redis_url: RedisURL = ""
    # What every key of ours in Redis starts with, and every name of a queue or job of RQ's.
    redis_prefix: str = "ngw2f:"
    # How long a web request waits for Redis before it goes on without.
    redis_timeout_seconds: Annotated[float, Meta(gt=0, le=60)] = 0.2

    # May one read without an account?
    anonymous_read: bool = True
    # Limits on every write (ngw2f/limits.py); off for load tests.
    rate_limit: bool = True
    # How many proxies in front are believed when they say who the client is.
    trusted_proxies: Annotated[int, Meta(ge=0, le=10)] = 0
    # Does what is in front send all requests of a client to the same web worker?
    # Socket.IO's polling needs that where there are several.
    sticky: bool = False
    # Hosts ("name:port") that links may be fetched from although not public.
    links_allow: list[str] = []
    # Ports that links are fetched from on any public host, beside 80 and 443.
    links_ports: list[Annotated[int, Meta(ge=1, le=65_535)]] = []
    # What the worker calls itself to the sites; empty: what it is.
    links_user_agent: Annotated[str, Meta(max_length=200, pattern=r"^[ -~]*$")] = ""

    # What an account may have: rooms that it made, memberships that others gave it, API
    # tokens (and as many sessions; the oldest goes where one more is made). Members of a room.
    rooms_per_account: Positive = 100
    memberships_per_account: Positive = 500
    tokens_per_account: Positive = 50
    members_per_room: Positive = 1_000

    # A request body, in bytes, and a message, in characters.
    max_body_bytes: Positive = 256 * 1024
    max_message_characters: Positive = 10_000
    # How much each web process keeps of answers that may be given again; 0: nothing.
    cache_bytes: Annotated[int, Meta(ge=0)] = 64 * 1024 * 1024
    # Events kept in the stream, for clients that come back.
    stream_length: Positive = 20_000
    # How much memory they may take in Redis, at most.
    stream_bytes: Annotated[int, Meta(ge=MEGABYTE)] = 64 * MEGABYTE

    # How long they live: an API token; a page's session; one with "remember me".
    token_days: Days = 90
    session_days: Days = 1
    remember_days: Days = 60
    # The longest that `Prefer: wait=N` is followed.
    max_wait_seconds: Seconds = 30

    # How much memory the embedded broker may take. Its stream takes a quarter at most.
    embedded_bytes: Annotated[int, Meta(ge=4 * MEGABYTE)] = 256 * MEGABYTE
    # RQ worker processes beside the embedded broker that render (one more fetches
    # links), and how many jobs each does before a fresh one takes its place.
    embedded_workers: Positive = 1
    worker_max_jobs: Positive = 2_000

    # Who bears this token may read /metrics; empty: whoever is on this machine.
    metrics_token: Annotated[str, Meta(pattern=r"^$|^[!-~]{16,}$")] = ""

    # Where each request leaves a profile, for looking where the time goes; empty: nowhere.
    profile_dir: str = ""

    log_level: LogLevel = "INFO"
    # "json": an object a line, for programs that collect logs.
    log_format: Literal["text", "json"] = "text"

    @property
    def data_path(self) -> Path:
        return Path(self.data_dir).absolute()

    @property
    def metrics_path(self) -> Path:
        """Where the processes of this machine say what they have counted."""
        return self.data_path / "metrics"

    @property
    def max_stream_bytes(self) -> int:
        if self.is_embedded:
            return min(self.stream_bytes, self.embedded_bytes // 4)
        return self.stream_bytes

    @property
    def sqlalchemy_url(self) -> str:
        if self.database_url:
            return self.database_url
        # The path may have any character, and some mean something in a URL.
        return f"sqlite:///{quote(str(self.data_path / 'chat.sqlite3'))}"

    @property
    def is_embedded(self) -> bool:
        """Say whether the broker is our own."""
        return not self.redis_url


def load_settings(
    directory: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """Return the settings of *environ* and of the TOML files in *directory*.

    *directory* is where `NGW2F_SETTINGS` points, or the current one. Raises
    SettingError.
    """
    directory = directory or Path(environ.get(f"{PREFIX}SETTINGS", "."))
    section = environ.get(f"{PREFIX}ENV", "development")
    values: dict[str, Any] = {}
    for name in ("settings.toml", ".secrets.toml"):
        tables = _read_toml(directory / name)
        if name == "settings.toml" and tables and section not in tables:
            raise SettingError(f"NGW2F_ENV: settings.toml has no section [{section}]")
        values |= tables.get("default", {}) | tables.get(section, {})
    for name, text in _variables(environ).items():
        if name in Settings.__struct_fields__:
            values[name] = _from_text(name, text)
    return _convert(values)


def unknown_variables(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the variables that look like settings and are none, for a warning."""
    names = set(_variables(environ)) - set(Settings.__struct_fields__)
    return sorted(PREFIX + name.upper() for name in names)


def _variables(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(PREFIX).lower(): text
        for name, text in environ.items()
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in RESERVED
    }


def _read_toml(path: Path) -> dict[str, dict[str, Any]]:
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"{path.name}: {error}") from error
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise SettingError(f"{path.name}: {name} stands outside of the sections")
    return tables


def _from_text(name: str, text: str) -> object:
    """Return an environment variable's value: a list is comma-separated."""
    annotation: Any = Settings.__annotations__[name]
    if get_origin(annotation) is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _convert(values: dict[str, Any]) -> Settings:
    for name in values:
        if name not in Settings.__struct_fields__:
            raise SettingError(f"{PREFIX}{name.upper()}: there is no such setting")
    for name, value in values.items():
        try:
            # One at a time, so that the error can name the setting as it is set;
            # not strict: the environment has only text ("8", "false").
            msgspec.convert({name: value}, Settings, strict=False)
        except msgspec.ValidationError as error:
            reason = str(error).split(" - at ")[0]
            # A URL may hold a password.
            value_shown = "" if name.endswith(("_url", "_token")) else f", not {value!r}"
            raise SettingError(f"{PREFIX}{name.upper()}: {reason}{value_shown}") from error
    settings = msgspec.convert(values, Settings, strict=False)
    _check_port(settings.redis_url)
    _check_path(settings.data_dir)
    return settings


def _check_path(data_dir: str) -> None:
    """Raise SettingError for a name that no URL of a database can hold."""
    try:
        data_dir.encode()
    except UnicodeEncodeError:
        raise SettingError(f"{PREFIX}DATA_DIR: its name is not valid UTF-8") from None


def _check_port(redis_url: str) -> None:
    """Raise SettingError where redis-py would not take the URL, in each process by itself."""
    if redis_url.startswith(("redis://", "rediss://")):
        try:
            _ = urlsplit(redis_url).port
        except ValueError:
            # What was taken for a port may be a password's end.
            sentence = "its port is none (in a password, write special characters as %XX)"
            raise SettingError(f"{PREFIX}REDIS_URL: {sentence}") from None
