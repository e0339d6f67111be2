"""The chat's own log: one line an event, on the same stream as gunicorn's.

Lines of less than a warning (most are the access log's) are gathered, and written
together some times a second; a warning is written at once, with what came before it.
"""

import logging
import sys
import time
from datetime import UTC, datetime
from typing import Literal

import msgspec

LOGGERS = ("ngw2f", "middleware")
FORMAT = "[%(asctime)s] [%(process)d] [%(levelname)s] %(message)s"
DATE_FORMAT = "%Y-%m-%d %H:%M:%S %z"
# How often whoever calls `start_gathering` shall call `flush`.
FLUSH_SECONDS = 0.2
MAX_GATHERED_LINES = 500


class SecondFormatter(logging.Formatter):
    """A formatter that writes the time anew only when it is another second."""

    def __init__(self) -> None:
        super().__init__(FORMAT, DATE_FORMAT)
        self._last = (0, "")

    def formatTime(  # noqa: N802 # the name that logging calls
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        second = int(record.created)
        if self._last[0] != second:
            self._last = (second, time.strftime(datefmt or DATE_FORMAT, time.localtime(second)))
        return self._last[1]


class JSONFormatter(logging.Formatter):
    """One JSON object a record; what a record is made from (a request's line) as fields."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
        }
        if isinstance(record.args, dict):
            entry |= record.args
        else:
            entry["message"] = record.getMessage()
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(entry, enc_hook=str).decode()


class GatheringHandler(logging.Handler):
    """Write to standard error; gathering once somebody is there to flush."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._lines: list[str] = []
        self._is_gathering = False

    def start_gathering(self) -> None:
        self._is_gathering = True

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.append(self.format(record))
        except Exception:
            self.handleError(record)
        is_late = record.levelno >= logging.WARNING or len(self._lines) >= MAX_GATHERED_LINES
        if is_late or not self._is_gathering:
            self.flush()

    def flush(self) -> None:
        if not self._lines:
            return
        lines, self._lines = self._lines, []
        try:
            sys.stderr.write("\n".join([*lines, ""]))
            sys.stderr.flush()
        except (OSError, ValueError):
            # A full disk or a closed terminal: the chat goes on without its log.
            self._lines.clear()


def configure_logs(level: str, form: Literal["text", "json"] = "text") -> GatheringHandler:
    """Have the loggers of the chat and of its middleware write to standard error."""
    handler = GatheringHandler(JSONFormatter() if form == "json" else SecondFormatter())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.handlers = [handler]
        logger.propagate = False
    return handler
