"""Typed settings from TOML, secrets and environment.

Later wins: the defaults below, `[default]` of settings.toml, its section for
the environment (`NGW2F_ENV`, `development` unless set), the same two sections
of .secrets.toml, environment variables `NGW2F_NAME`.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Meta

from ngw2f.allowed import MAX_SHOWN_CHARACTERS, allowed, not_text, shown

PREFIX = "NGW2F_"
# Names with the prefix that are no settings: which section to read, and the
# two by which a server hands itself over to its successor (ngw2f/server/embedded.py).
RESERVED = {"ENV", "SETTINGS", "LIFELINE", "STATUS"}

MEGABYTE = 1024 * 1024
# What databases, Redis and the system count with takes more; nobody means more.
MAX_COUNT = 2**31 - 1
MAX_BYTES = 2**40
MAX_PORT = 65_535
Positive = Annotated[int, Meta(ge=1, le=MAX_COUNT)]
# Of processes and connections, which are there at once.
Several = Annotated[int, Meta(ge=1, le=1_000)]
Days = Annotated[float, Meta(gt=0, le=3650)]
Seconds = Annotated[float, Meta(ge=0, le=3600)]
# Each process would have a database in memory for itself.
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


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator may decide. Times in the unit that the name says."""

    # Where state lives: the SQLite database, the embedded broker's data.
    data_dir: Annotated[str, Meta(min_length=1)] = "var"
    # SQLAlchemy's URL; empty: SQLite under data_dir.
    database_url: DatabaseURL = ""
    # Connections of each process to PostgreSQL, at most; SQLite has no such limit.
    database_connections: Several = 20
    # redis://, rediss://, unix:// or redis+sentinel://; empty: the embedded Valkey.
    redis_url: RedisURL = ""
    # What every key of ours in Redis starts with, and every name of a queue or job of RQ's.
    redis_prefix: Annotated[str, Meta(max_length=100)] = "ngw2f:"
    # How long a web request waits for Redis before it goes on without.
    redis_timeout_seconds: Annotated[float, Meta(gt=0, le=60)] = 0.2

    # May one read without an account?
    anonymous_read: bool = True
    # Limits on every write (ngw2f/broker/limits.py); off for load tests.
    rate_limit: bool = True
    # How many proxies in front are believed when they say who the client is.
    trusted_proxies: Annotated[int, Meta(ge=0, le=10)] = 0
    # Does what is in front send all requests of a client to the same web worker?
    # Socket.IO's polling needs that where there are several.
    sticky: bool = False
    # Hosts ("name:port") that links may be fetched from although not public.
    links_allow: list[str] = []
    # Ports that links are fetched from on any public host, beside 80 and 443.
    links_ports: list[Port] = []
    # What the worker calls itself to the sites; empty: what it is.
    links_user_agent: UserAgent = ""

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
    cache_bytes: Annotated[int, Meta(ge=0, le=MAX_BYTES)] = 64 * 1024 * 1024
    # Events kept in the stream, for clients that come back.
    stream_length: Positive = 20_000
    # How much memory they may take in Redis, at most.
    stream_bytes: Annotated[int, Meta(ge=MEGABYTE, le=MAX_BYTES)] = 64 * MEGABYTE

    # How long they live: an API token; a page's session; one with "remember me".
    token_days: Days = 90
    session_days: Days = 1
    remember_days: Days = 60
    # The longest that `Prefer: wait=N` is followed.
    max_wait_seconds: Seconds = 30

    # How much memory the embedded broker may take. Its stream takes a quarter at most.
    embedded_bytes: Annotated[int, Meta(ge=4 * MEGABYTE, le=MAX_BYTES)] = 256 * MEGABYTE
    # RQ worker processes beside the embedded broker that render (one more fetches
    # links), and how many jobs each does before a fresh one takes its place.
    embedded_workers: Several = 1
    worker_max_jobs: Positive = 2_000

    # Who bears this token may read /metrics; empty: whoever is on this machine.
    metrics_token: Token = ""

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
    def database_name(self) -> str:
        """The setting that says which database it is."""
        return f"{PREFIX}DATABASE_URL" if self.database_url else f"{PREFIX}DATA_DIR"

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
    directory = directory or _directory(environ)
    section = environ.get(f"{PREFIX}ENV", "development")
    values: dict[str, Any] = {}
    for name in ("settings.toml", ".secrets.toml"):
        tables = _read_toml(directory / name)
        if name == "settings.toml" and tables and section not in tables:
            named = section if section.isidentifier() else shown(section)
            raise SettingError(f"NGW2F_ENV: settings.toml has no section [{named}]")
        values |= tables.get("default", {}) | tables.get(section, {})
    for name, text in _variables(environ).items():
        if name in Settings.__struct_fields__:
            values[name] = _from_text(name, text)
    return _convert(values)


def _directory(environ: Mapping[str, str]) -> Path:
    named = environ.get(f"{PREFIX}SETTINGS", ".")
    if not Path(named).is_dir():
        # Without its files a server would go by the defaults, and say nothing.
        raise SettingError(f"{PREFIX}SETTINGS: there is no folder {shown(named, 200)}")
    return Path(named)


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
            # One at a time, so that the error can name the setting as it is set;
            # not strict: the environment has only text ("8", "false").
            msgspec.convert({name: value}, Settings, strict=False)
        except msgspec.ValidationError:
            # A URL may hold a password.
            value_shown = "" if name.endswith(("_url", "_token")) else f", not {shown(value)}"
            kind = allowed(Settings.__annotations__[name])
            sentence = f"{PREFIX}{name.upper()}: it must be {kind}{value_shown}"
            raise SettingError(sentence) from None
    settings = msgspec.convert(values, Settings, strict=False)
    _check_redis(settings.redis_url)
    return settings


def _name(name: str) -> str:
    """Return a name that somebody wrote, in one line."""
    return name if name.isidentifier() and len(name) <= MAX_SHOWN_CHARACTERS else shown(name)


def _check_redis(redis_url: str) -> None:
    """Raise SettingError for what redis-py would refuse later, or not look at."""
    ports = re.findall(r":([0-9]+)[,/]", redis_url.rpartition("@")[2])
    if redis_url.startswith("redis+sentinel://") and any(int(port) > MAX_PORT for port in ports):
        raise SettingError(f"{PREFIX}REDIS_URL: the port of a sentinel is none")
    if not redis_url.startswith(("redis://", "rediss://")):
        return
    hint = "(in a password, write special characters as %XX)"
    try:
        parts = urlsplit(redis_url)
        _ = parts.port
    except ValueError:
        # What was taken for a port may be a password's end.
        raise SettingError(f"{PREFIX}REDIS_URL: its port is none {hint}") from None
    if not re.fullmatch(r"/?[0-9]{0,9}", parts.path) or parts.fragment:
        raise SettingError(f"{PREFIX}REDIS_URL: its database is no number {hint}")
