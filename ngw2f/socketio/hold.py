"""A poll that is held until there is something to answer it with."""

import gevent
from gevent.event import Event

from ngw2f.http import Response
from ngw2f.socketio import answers
from ngw2f.socketio.engine import Engine
from ngw2f.socketio.layers import Session, Stream
from ngw2f.socketio.packets import NOOP, SEPARATOR
from ngw2f.socketio.sessions import Finished, Held

# How long a poll waits for an upgrade that is under way, and how often it looks.
UPGRADE_TRIES = 10
UPGRADE_PAUSE_SECONDS = 0.015
# A held poll ends after this pause if its worker stops or the database fails: the client polls
# again at once.
DRAINED_SECONDS = 0.25


def wait_for_upgrade(engine: Engine, sid: str, token: str) -> Held:
    """Claim a session for a poll, after an upgrade that overtakes it. Raises UnreachableError."""
    for _ in range(UPGRADE_TRIES):
        held = engine.sessions.claim(sid, token, is_patient=True)
        if held.status != "later":
            return held
        gevent.sleep(UPGRADE_PAUSE_SECONDS)
    return engine.sessions.claim(sid, token, is_patient=False)


class Hold:
    """One held poll: packets wait in Redis, events in the log after the session's cursor."""

    def __init__(self, engine: Engine, session: Session, token: str) -> None:
        self._engine = engine
        self._session = session
        self._token = token
        self._woken = Event()
        self._stream: Stream | None = None
        # Whether somebody stopped the stream to wake us.
        self._is_stopped = False

    def wait(self) -> Response:
        """Return the answer. Raises UnreachableError."""
        self._engine.waking.add(self._token, self._wake)
        try:
            return self._wait()
        finally:
            self._engine.waking.remove(self._token)
            self._leave()

    def _wait(self) -> Response:
        chunk = b""
        while True:
            self._woken.clear()
            must_end = False
            if not chunk:
                must_end = not self._follow()
                chunk = self._stream.ready_chunk() if self._stream else b""
            finished = self._finish(chunk, must_end=must_end)
            if finished.status != "wait":
                return _answer(finished, chunk)
            session, now = self._session, (finished.memo, finished.cursor)
            if (session.memo, session.cursor) != now:
                # The client has left the log meanwhile, or continues elsewhere in it.
                self._leave()
            session.memo, session.cursor = now
            chunk = b"" if chunk else self._rest(finished.wait_seconds)

    def _finish(self, chunk: bytes, *, must_end: bool) -> Finished:
        after = str(self._stream.last_id) if self._stream else ""
        return self._engine.sessions.finish(
            self._session.sid,
            self._token,
            self._session.cursor,
            after,
            has_events=bool(chunk),
            must_end=must_end,
        )

    def _follow(self) -> bool:
        """Follow the log, if the session is connected; return False if the poll has to end."""
        stream = self._stream
        if stream and stream.is_over and not self._is_stopped and stream.is_drained:
            gevent.sleep(DRAINED_SECONDS)
            return False
        if stream and not stream.is_over:
            return True
        self._leave()
        if self._session.cursor:
            self._stream = self._engine.layer.stream(self._session, as_frames=False)
            if self._stream is None:
                # Who signed out, for example, hears nothing more.
                self._engine.sessions.close(self._session.sid)
        return True

    def _rest(self, seconds: float) -> bytes:
        """Wait for events for at most *seconds*, or until somebody wakes us; return them."""
        if self._woken.is_set():
            return b""
        if self._stream is None:
            self._woken.wait(seconds)
            return b""
        timer = gevent.spawn_later(seconds, self._wake)
        try:
            return self._stream.next_chunk() or b""
        finally:
            timer.kill(block=False)

    def _wake(self) -> None:
        self._woken.set()
        if self._stream:
            self._is_stopped = True
            self._stream.stop()

    def _leave(self) -> None:
        if self._stream:
            self._stream.close()
        self._stream, self._is_stopped = None, False


def _answer(finished: Finished, chunk: bytes) -> Response:
    match finished.status:
        case "ended":
            events = chunk.decode().removesuffix(SEPARATOR) if finished.has_events else ""
            packets = SEPARATOR.join(filter(None, (finished.packets, events)))
            return answers.payload(packets or NOOP)
        case "closed":
            return answers.payload(finished.packets or NOOP)
        case "upgraded":
            return answers.payload(NOOP)
    return answers.error(answers.SESSION_UNKNOWN, "the session is unknown, or has ended")
