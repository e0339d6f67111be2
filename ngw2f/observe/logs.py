"""The chat's own log: one line for each record, on the same stream as gunicorn's.

Lines below warnings, most of them the access log's, are gathered and written a few times
a second; a warning is written at once, together with the lines before it.
"""

import contextlib
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal
from weakref import WeakSet

import msgspec

from middleware.access_log import LoggedBody
from ngw2f.observe.tracing import request_id

LOGGERS = ("ngw2f", "middleware")
ACCESS = "middleware.access"
FORMAT = "[%(asctime)s] [%(process)d] [%(levelname)s] %(message)s"
DATE_FORMAT = "%Y-%m-%d %H:%M:%S %z"
# How often to call `flush` after `start_gathering`.
FLUSH_SECONDS = 0.2
MAX_GATHERED_LINES = 500


class TextFormatter(logging.Formatter):
    """Formats a record as a line of text; formats the time only once a second."""

    def __init__(self) -> None:
        super().__init__(FORMAT, DATE_FORMAT)
        self._last = (0, "")

    def formatTime(  # noqa: N802 # the name that logging calls
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        return self._time(int(record.created))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 # as above
        line = super().formatMessage(record)
        of_request = request_id.get()
        return f"{line} {of_request}" if of_request else line

    def request(self, created: float, ended: LoggedBody) -> str:
        """Return a request's line as if from a record, without the slow creation of one."""
        return f"[{self._time(int(created))}] [{os.getpid()}] [INFO] {ended.line()}"

    def _time(self, second: int) -> str:
        if self._last[0] != second:
            self._last = (second, time.strftime(DATE_FORMAT, time.localtime(second)))
        return self._last[1]


class JSONFormatter(logging.Formatter):
    """Formats a record as a JSON object, with the record's named arguments as fields."""

    def format(self, record: logging.LogRecord) -> str:
        about: dict[str, object] = {}
        if of_request := request_id.get():
            about["request_id"] = of_request
        if isinstance(record.args, dict):
            about |= record.args
        else:
            about["message"] = record.getMessage()
        if record.exc_info:
            about["traceback"] = self.formatException(record.exc_info)
        return self._entry(record.created, record.levelname, record.name, about)

    def request(self, created: float, ended: LoggedBody) -> str:
        """Return the line of a request."""
        return self._entry(created, "INFO", ACCESS, ended.fields())

    def _entry(self, created: float, level: str, logger: str, about: dict[str, object]) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds"),
            "level": level,
            "logger": logger,
            "process": os.getpid(),
        }
        return msgspec.json.encode(entry | about, enc_hook=str).decode()


class GatheringHandler(logging.Handler):
    """Writes to standard error, at once until `start_gathering`, then when flushed.

    Requests are gathered as objects, and formatted when they are written.
    """

    def __init__(self, form: Literal["text", "json"] = "text") -> None:
        super().__init__()
        self._form = JSONFormatter() if form == "json" else TextFormatter()
        self.setFormatter(self._form)
        self._gathered: deque[str | tuple[float, LoggedBody]] = deque()
        self._is_gathering = False
        _all_gathering.add(self)

    def start_gathering(self) -> None:
        self._is_gathering = True

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._gather(self.format(record))
        except Exception:
            self.handleError(record)
        if record.levelno >= logging.WARNING:
            self.flush()

    def request(self, ended: LoggedBody) -> None:
        """Log a request, for the access log."""
        self._gather((time.time(), ended))

    def _gather(self, what: str | tuple[float, LoggedBody]) -> None:
        self._gathered.append(what)
        if not self._is_gathering or len(self._gathered) >= MAX_GATHERED_LINES:
            self.flush()

    def forget(self) -> None:
        """Drop what is gathered."""
        self._gathered.clear()

    def flush(self) -> None:
        if not self._gathered:
            return
        lines = [*self._lines(), ""]
        # On a full disk or a closed terminal the chat goes on without a log.
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write("\n".join(lines))
            sys.stderr.flush()

    def _lines(self) -> Iterator[str]:
        while True:
            try:
                what = self._gathered.popleft()
            except IndexError:  # Another thread may have taken the last one.
                return
            yield what if isinstance(what, str) else self._form.request(*what)


_all_gathering = WeakSet[GatheringHandler]()


def _forget_in_child() -> None:
    for handler in _all_gathering:
        handler.forget()


# What a process had gathered before it forked is written by it, not by its child as well.
os.register_at_fork(after_in_child=_forget_in_child)


def configure_logs(level: str, handler: GatheringHandler) -> None:
    """Make the loggers of the chat and of its middleware write to *handler*."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.handlers = [handler]
        logger.propagate = False
