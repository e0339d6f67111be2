"""Typed settings from TOML, secrets and environment.

Later ones win: the defaults below, `[default]` of settings.toml, its section for the
environment (`NGW2F_ENV`, by default `development`), the same two sections of
.secrets.toml, environment variables `NGW2F_NAME`.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin
from urllib.parse import quote

import msgspec
from msgspec import Meta

from middleware.cross_origin import checked_origin
from ngw2f.setting_words import (
    MAX_PORT,
    MAX_SHOWN_CHARACTERS,
    allowed,
    no_redis_url,
    not_text,
    shown,
)

PREFIX = "NGW2F_"
# Variables with the prefix that are not settings: the section and the folder to read, and those
# by which a master hands over to the next one (ngw2f/server/embedded.py).
RESERVED = {"ENV", "SETTINGS", "LIFELINE", "STATUS"}

MEGABYTE = 1024 * 1024
# Databases, Redis and the system can count further, but nobody means more.
MAX_COUNT = 2**31 - 1
MAX_BYTES = 2**40
Positive = Annotated[int, Meta(ge=1, le=MAX_COUNT)]
# For processes and connections, which exist at the same time.
Several = Annotated[int, Meta(ge=1, le=1_000)]
Bytes = Annotated[int, Meta(ge=0, le=MAX_BYTES)]
Days = Annotated[float, Meta(gt=0, le=3650)]
Seconds = Annotated[float, Meta(ge=0, le=3600)]
# No database in memory: each process would have its own.
SQLITE_URL = r"sqlite(\+\w+)?:///(?!:memory:|file:|\?)[^\n\r]+"
DATABASE_URL = rf"^({SQLITE_URL}|postgresql(\+\w+)?://[^\n\r]*)?\Z"
DatabaseURL = Annotated[
    str,
    Meta(
        pattern=DATABASE_URL,
        description="postgresql+psycopg://USER:PASSWORD@HOST/DATABASE, sqlite:////PATH/OF/A/FILE "
        "(one in memory would be each process's own), or empty",
    ),
]
SENTINEL_HOST = r"[^@/,\n\r]+:[0-9]{1,5}"
SENTINEL_URL = (
    rf"redis\+sentinel://([^:@/\n\r]*:[^@/\n\r]*@)?{SENTINEL_HOST}(,{SENTINEL_HOST})*"
    r"/[^/?\n\r]+(/\d{1,9})?"
)
REDIS_URL = rf"^(rediss?://[^\n\r]*|unix://([^/\n\r]*@)?/[^\n\r]+|{SENTINEL_URL})?\Z"
RedisURL = Annotated[
    str,
    Meta(
        pattern=REDIS_URL,
        description="redis:// or rediss:// and HOST:PORT/DATABASE, unix:///PATH/OF/A/SOCKET, "
        "redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DATABASE, or empty",
    ),
]
UserAgent = Annotated[
    str,
    Meta(max_length=200, pattern=r"^[ -~]*\Z", description="at most 200 characters of ASCII"),
]
CollectorURL = Annotated[
    str,
    Meta(pattern=r"^(https?://[^\s/]+/\S*)?\Z", description="empty, or http://HOST:4318/v1/traces"),
]
Token = Annotated[
    str,
    Meta(
        pattern=r"^([!-~]{16,1000})?\Z",
        description="16 to 1,000 characters of ASCII without blanks, or empty",
    ),
]
Port = Annotated[int, Meta(ge=1, le=MAX_PORT)]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]


class SettingError(Exception):
    """A setting has a wrong name or value; the message is one line that names it."""


# Settings of earlier releases, which must not keep a server from starting, and why they are gone.
FORMER = {
    "sticky": "no setting any more, remove it: any worker answers Socket.IO, whatever is in front"
}


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator can set. Times are in the unit that the name says."""

    # Where state lives: the SQLite database, the embedded broker's data.
    data_dir: Annotated[str, Meta(min_length=1)] = "var"
    # SQLAlchemy's URL; empty: SQLite under data_dir.
    database_url: DatabaseURL = ""
    # The limit of each process's connections to PostgreSQL; SQLite has no such limit.
    database_connections: Several = 20
    # redis://, rediss://, unix:// or redis+sentinel://; empty: the embedded Valkey.
    redis_url: RedisURL = ""
    # The prefix of all our keys in Redis, and of RQ's names of queues and jobs.
    redis_prefix: Annotated[str, Meta(max_length=100)] = "ngw2f:"
    # How long a web request waits for Redis before it continues without.
    redis_timeout_seconds: Annotated[float, Meta(gt=0, le=60)] = 0.2

    # Whether reading needs no account.
    anonymous_read: bool = True
    # Limits on every write (ngw2f/broker/limits.py); off for load tests.
    rate_limit: bool = True
    # How many proxies in front are trusted to name the client.
    trusted_proxies: Annotated[int, Meta(ge=0, le=10)] = 0
    # Pages of these origins may use the API and the events, as in https://app.example.org.
    trusted_origins: list[str] = []
    # Hosts ("name:port") that links may be fetched from although they are not public.
    links_allow: list[str] = []
    # Ports other than 80 and 443 that links may be fetched from on any public host.
    links_ports: list[Port] = []
    # How long a link's site may take in all; pictures of a page get two fifths of it.
    links_timeout_seconds: Annotated[float, Meta(gt=0, le=60)] = 10.0
    # The User-Agent of fetches; empty: our own name.
    links_user_agent: UserAgent = ""

    # Quotas: rooms created by an account, its memberships of private rooms, its API tokens (and
    # as many sessions; a new one replaces the oldest), and members of a room.
    rooms_per_account: Positive = 100
    memberships_per_account: Positive = 500
    tokens_per_account: Positive = 50
    members_per_room: Positive = 1_000

    # A request body, in bytes, and a message, in characters.
    max_body_bytes: Positive = 256 * 1024
    max_message_characters: Positive = 10_000
    # An uploaded file, and all files of an account; and whether nginx sends them from data_dir.
    max_file_bytes: Bytes = 100 * MEGABYTE
    file_bytes_per_account: Bytes = 1024 * MEGABYTE
    files_by_nginx: bool = False
    # The size of each web process's cache of responses; 0: no cache.
    cache_bytes: Bytes = 64 * 1024 * 1024
    # The token that PURGE requires, which drops cached responses; empty: there is no such method.
    purge_token: Token = ""
    # How many events to keep in the stream, for clients that reconnect.
    stream_length: Positive = 20_000
    # How much memory the stream may take in Redis.
    stream_bytes: Annotated[int, Meta(ge=MEGABYTE, le=MAX_BYTES)] = 64 * MEGABYTE

    # Lifetimes of API tokens, of sessions, and of sessions with "remember me".
    token_days: Days = 90
    session_days: Days = 1
    remember_days: Days = 60
    # How long the log of what administrators did keeps an entry.
    audit_days: Days = 365
    # The longest wait that `Prefer: wait=N` can ask for.
    max_wait_seconds: Seconds = 30

    # How much memory the embedded broker may take, a quarter of it for the stream.
    embedded_bytes: Annotated[int, Meta(ge=4 * MEGABYTE, le=MAX_BYTES)] = 256 * MEGABYTE
    # RQ worker processes that render, beside the embedded broker (one more fetches links), and
    # how many jobs each runs before it is replaced.
    embedded_workers: Several = 1
    worker_max_jobs: Positive = 2_000

    # The token that /metrics requires; empty: none, but loopback only.
    metrics_token: Token = ""

    # The folder for a profile of each request; empty: no profiles.
    profile_dir: str = ""

    # Whether every request is recorded and shown to everybody (docs/middleware.md, "X-ray").
    xray: bool = False
    # The key that signs a request's `X-Ray` field, for one request at a time; empty: no such field.
    xray_key: Token = ""
    # Where an OpenTelemetry collector takes traces (OTLP over HTTP); empty: nothing is sent.
    otlp_endpoint: CollectorURL = ""
    # Whether each request is recorded, and sent there, whose `traceparent` says it is sampled. Any
    # client may send that field, so only where what is in front of the chat decides on it.
    otlp_sampled: bool = False

    log_level: LogLevel = "INFO"
    # "json": one object per line, for programs that collect logs.
    log_format: Literal["text", "json"] = "text"

    @property
    def has_xray(self) -> bool:
        """Say whether any request may be recorded."""
        return self.xray or self.xray_key != "" or self.otlp_endpoint != ""

    @property
    def has_sampled(self) -> bool:
        """Say whether a request is recorded if whoever sent it records it."""
        return self.otlp_sampled and self.otlp_endpoint != ""

    @property
    def data_path(self) -> Path:
        return Path(self.data_dir).absolute()

    @property
    def metrics_path(self) -> Path:
        """The folder in which the processes of this machine write their counts."""
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
        # The path may contain characters with a meaning in URLs.
        return f"sqlite:///{quote(str(self.data_path / 'chat.sqlite3'))}"

    @property
    def database_name(self) -> str:
        """The name of the setting that chooses the database."""
        return f"{PREFIX}DATABASE_URL" if self.database_url else f"{PREFIX}DATA_DIR"

    @property
    def is_embedded(self) -> bool:
        """Say whether the broker is embedded."""
        return not self.redis_url


def load_settings(
    directory: Path | None = None, environ: Mapping[str, str] = os.environ
) -> Settings:
    """Return the settings of *environ* and of the TOML files in *directory*.

    The default *directory* is that of `NGW2F_SETTINGS`, or the current one. Raises SettingError.
    """
    values = _tables(directory or _directory(environ), environ)
    for name, text in _variables(environ).items():
        if name in Settings.__struct_fields__:
            values[name] = _from_text(name, text)
    return _convert({name: value for name, value in values.items() if name not in FORMER})


def _tables(directory: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what the TOML files say. Raises SettingError."""
    section = environ.get(f"{PREFIX}ENV", "development")
    values: dict[str, Any] = {}
    for name in ("settings.toml", ".secrets.toml"):
        tables = _read_toml(directory / name)
        if name == "settings.toml" and tables and section not in tables:
            named = section if section.isidentifier() else shown(section)
            raise SettingError(f"NGW2F_ENV: settings.toml has no section [{named}]")
        values |= tables.get("default", {}) | tables.get(section, {})
    return values


def _directory(environ: Mapping[str, str]) -> Path:
    named = environ.get(f"{PREFIX}SETTINGS", ".")
    if not Path(named).is_dir():
        # Otherwise a server would silently use the defaults.
        raise SettingError(f"{PREFIX}SETTINGS: there is no folder {shown(named, 200)}")
    return Path(named)


def former_settings(
    directory: Path | None = None, environ: Mapping[str, str] = os.environ
) -> list[str]:
    """Return a line for each setting that is given and has no effect any more, for a warning."""
    given = set(_variables(environ)) | set(_tables(directory or _directory(environ), environ))
    return [f"{PREFIX}{name.upper()}: {why}" for name, why in FORMER.items() if name in given]


def unknown_variables(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the variables that look like settings but are not, for a warning."""
    names = set(_variables(environ)) - set(Settings.__struct_fields__) - set(FORMER)
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
    except RecursionError:
        raise SettingError(f"{path.name}: it is nested too deeply") from None
    except (OSError, ValueError) as error:
        raise SettingError(f"{path.name}: {error}") from error
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise SettingError(f"{path.name}: {_name(name)} stands outside of the sections")
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
            raise SettingError(f"{PREFIX}{_name(name).upper()}: there is no such setting")
    for name, value in values.items():
        if reason := not_text(value):
            raise SettingError(f"{PREFIX}{name.upper()}: {reason}")
        try:
            # One at a time, so that the error can name the setting; not strict, because the
            # environment has only text ("8", "false").
            msgspec.convert({name: value}, Settings, strict=False)
        except msgspec.ValidationError:
            # A URL may contain a password.
            value_shown = "" if name.endswith(("_url", "_token")) else f", not {shown(value)}"
            kind = allowed(Settings.__annotations__[name])
            sentence = f"{PREFIX}{name.upper()}: it must be {kind}{value_shown}"
            raise SettingError(sentence) from None
    settings = msgspec.convert(values, Settings, strict=False)
    if reason := no_redis_url(settings.redis_url):
        raise SettingError(f"{PREFIX}REDIS_URL: {reason}")
    _check_origins(settings.trusted_origins)
    return settings


def _name(name: str) -> str:
    """Return a name from a file or variable, safe to print in one line."""
    return name if name.isidentifier() and len(name) <= MAX_SHOWN_CHARACTERS else shown(name)


def _check_origins(origins: list[str]) -> None:
    """Raise SettingError for what no browser sends as the origin of a page."""
    for origin in origins:
        try:
            checked_origin(origin)
        except ValueError:
            raise SettingError(
                f"{PREFIX}TRUSTED_ORIGINS: it must be a list of origins as browsers send them "
                f"(https://HOST or http://HOST:PORT; no path, no default port), not {shown(origin)}"
            ) from None
