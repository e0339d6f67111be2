"""The sessions that poll: they are in Redis, so any worker answers any of their requests."""

import re
import secrets
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from ngw2f.socketio import scripts
from ngw2f.socketio.commands import Commands, Script
from ngw2f.socketio.packets import CLOSE, NOOP

SID_BYTES = 15
SID = re.compile(r"[A-Za-z0-9_-]{20}")
# For all workers together. Beyond the second limit the oldest session that nobody has connected
# to ends.
MAX_SESSIONS = 20_000
MAX_UNCONNECTED = 2_000
# A client may not send more while this many bytes of answers wait for it.
MAX_UNREAD_BYTES = 1024 * 1024
# How long a client has for each of the two packets that upgrade its session.
UPGRADE_MILLISECONDS = 10_000
# How long a closed session is remembered, to answer a poll that the close has overtaken.
CLOSED_MILLISECONDS = 2_000
# How long a POST counts as under way if its worker was killed.
LOCK_MILLISECONDS = 60_000

Memo = dict[str, str]


class TooManySessionsError(Exception):
    """No more sessions may be kept in Redis."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long a client may be silent, in milliseconds."""

    ping_interval: int = 25_000
    ping_timeout: int = 20_000

    @property
    def life(self) -> int:
        return self.ping_interval + self.ping_timeout


class Held(NamedTuple):
    """What a step returned; the memo and the cursor if it took hold of the session."""

    status: str
    memo: Memo
    cursor: str
    packets: str


class Finished(NamedTuple):
    """How a poll ends, or goes on."""

    status: str
    packets: str = ""
    has_events: bool = False
    wait_seconds: float = 0
    memo: Memo = {}  # noqa: RUF012 # Nobody changes it.
    cursor: str = ""


class Upgraded(NamedTuple):
    """What a session takes along to its WebSocket."""

    memo: Memo
    cursor: str
    packets: str
    # Whether the client owes no pong, and in how many seconds the next ping, or the pong, is due.
    may_ping: bool
    due_seconds: float


class Sessions:
    def __init__(
        self,
        commands: Commands,
        prefix: str,
        times: Times,
        worker: str,
        connect_seconds: float | None = None,
    ) -> None:
        self._commands = commands
        # Whoever has not connected by then gets no more time by a pong.
        self._connect_by = "" if connect_seconds is None else int(connect_seconds * 1000)
        self._prefix = f"{prefix}engineio:"
        self._times = times
        self.channel = f"{self._prefix}wake:{worker}"

    def create(self) -> str:
        """Return the id of a new session. Raises UnreachableError, TooManySessionsError."""
        sid = new_sid()
        times = self._times
        limits = (MAX_SESSIONS, MAX_UNCONNECTED)
        if not self._run(scripts.CREATE, sid, times.life, times.ping_interval, *limits):
            raise TooManySessionsError
        return sid

    def claim(self, sid: str, token: str, *, is_patient: bool) -> Held:
        """Hold a poll: only one at a time."""
        return self._hold(scripts.CLAIM, sid, token, self.channel, int(is_patient))

    def finish(
        self, sid: str, token: str, before: str, after: str, *, has_events: bool, must_end: bool
    ) -> Finished:
        """End a poll if there is something to answer it with.

        It has read the log from the cursor *before* up to *after*.
        """
        flags = int(has_events), int(must_end)
        status, *rest = self._run(scripts.FINISH, sid, token, before, after, *flags)
        match _text(status):
            case "wait":
                seconds, memo, cursor = rest
                return Finished(
                    "wait", "", False, seconds / 1000, _memo_of(_text(memo)), _text(cursor)
                )
            case "ended":
                return Finished("ended", _text(rest[0]), bool(rest[1]))
            case other:
                return Finished(other, _text(rest[0]) if rest else "")

    def begin_post(self, sid: str, token: str, digest: str) -> Held:
        """Take the session's lock: POSTs are handled in order, one at a time."""
        limits = (MAX_UNREAD_BYTES, LOCK_MILLISECONDS)
        return self._hold(scripts.BEGIN_POST, sid, token, digest, *limits)

    def end_post(
        self,
        sid: str,
        token: str,
        digest: str,
        packets: str,
        state: tuple[Memo, str] | None,
        *,
        cursor_before: str = "",
        has_pong: bool,
        is_connected: bool,
    ) -> None:
        """Give the lock back, with the answers and what changed."""
        memo, cursor = state or ({}, "")
        times = self._times
        self._run(
            scripts.END_POST,
            sid,
            *(token, digest, packets, int(state is not None), _text_of(memo), cursor),
            *(int(has_pong), times.ping_interval, times.life, int(is_connected), self._connect_by),
            cursor_before,
        )

    def close(self, sid: str) -> None:
        """End a session after a client's error; a poll that is held tells the client."""
        self._run(scripts.CLOSE, sid, CLOSE, 0, CLOSED_MILLISECONDS)

    def leave(self, sid: str) -> None:
        """End a session as the client asks; its last poll, held or not, gets a noop."""
        self._run(scripts.CLOSE, sid, NOOP, 1, CLOSED_MILLISECONDS)

    def begin_upgrade(self, sid: str, token: str) -> str:
        """Return `held`, `busy` if it has a WebSocket, `later` if it may get one, or `gone`."""
        return _text(self._run(scripts.BEGIN_UPGRADE, sid, token, UPGRADE_MILLISECONDS))

    def probe(self, sid: str, token: str) -> bool:
        return bool(self._run(scripts.PROBE, sid, token, UPGRADE_MILLISECONDS))

    def upgrade(self, sid: str, token: str) -> Upgraded | None:
        """Take the session out of Redis, for a WebSocket; None if it has ended."""
        left = self._run(scripts.UPGRADE, sid, token, self._times.life)
        if not left:
            return None
        memo, cursor, packets, may_ping, due = left
        return Upgraded(
            _memo_of(_text(memo)), _text(cursor), _text(packets), bool(may_ping), due / 1000
        )

    def stay(self, sid: str, token: str) -> None:
        """Leave the session with polling."""
        self._run(scripts.STAY, sid, token)

    def _hold(self, script: Script, sid: str, *arguments: str | int) -> Held:
        status, *rest = self._run(script, sid, *arguments)
        texts = [*map(_text, rest), "", ""]
        if _text(status) == "closed":
            return Held("closed", {}, "", texts[0])
        return Held(_text(status), _memo_of(texts[0]), texts[1], "")

    def _run(self, script: Script, sid: str, *arguments: str | int) -> Any:
        names = (sid, "sessions", "unconnected")
        keys = [self._prefix + name for name in names]
        return self._commands.run(script, keys, *arguments)


def new_sid() -> str:
    return secrets.token_urlsafe(SID_BYTES)


def new_token() -> str:
    return secrets.token_urlsafe(9)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _memo_of(text: str) -> Memo:
    return msgspec.json.decode(text, type=Memo) if text else {}


def _text_of(memo: Memo) -> str:
    return msgspec.json.encode(memo).decode()
