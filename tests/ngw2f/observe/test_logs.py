import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Literal

import pytest

from middleware.access_log import AccessLogMiddleware
from middleware.request_id import RequestIDMiddleware
from ngw2f.forks import Fork
from ngw2f.observe.logs import (
    LOGGERS,
    MAX_GATHERED_LINES,
    GatheringHandler,
    JSONFormatter,
    configure_logs,
)
from ngw2f.observe.tracing import following
from tests.middleware.serving import Exchange, answering, serve

Form = Literal["text", "json"]


@pytest.fixture
def fresh() -> Iterator[None]:
    """Let the loggers be configured, and give them back as they were."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers.clear()
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_text(fresh: None, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO", GatheringHandler())
    logging.getLogger("ngw2f.some").info("hello %s", "there")
    (line,) = lines(capsys)
    assert line.endswith("[INFO] hello there")


def test_json(fresh: None, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO", GatheringHandler("json"))
    logging.getLogger("ngw2f.some").warning('a "quoted"\nline %d', 3)
    (line,) = lines(capsys)
    entry = json.loads(line)
    assert entry["message"] == 'a "quoted"\nline 3'
    assert (entry["level"], entry["logger"]) == ("WARNING", "ngw2f.some")


def gathering(form: Form = "text") -> tuple[GatheringHandler, Callable[[], Exchange]]:
    handler = GatheringHandler(form)
    handler.start_gathering()
    configure_logs("INFO", handler)
    app = RequestIDMiddleware(AccessLogMiddleware(answering(), write=handler.request), trusted=True)
    return handler, lambda: serve(app, "/some", headers={"X-Request-ID": "of-nginx"})


def test_lines_are_gathered(fresh: None, capsys: pytest.CaptureFixture[str]) -> None:
    handler, ask = gathering()
    logging.getLogger("ngw2f").info("before")
    ask()
    assert lines(capsys) == []
    handler.flush()
    first, second = lines(capsys)
    assert first.endswith("[INFO] before")
    assert second.endswith(" ms of-nginx complete")
    handler.flush()
    assert lines(capsys) == []


def test_warning_is_written_at_once_after_what_came_before(
    fresh: None, capsys: pytest.CaptureFixture[str]
) -> None:
    _, ask = gathering()
    ask()
    logging.getLogger("ngw2f").warning("oh")
    first, second = lines(capsys)
    assert first.endswith(" complete")
    assert second.endswith("[WARNING] oh")


def test_no_more_than_some_lines_are_gathered(
    fresh: None, capsys: pytest.CaptureFixture[str]
) -> None:
    _, ask = gathering()
    for _ in range(MAX_GATHERED_LINES + 1):
        ask()
    assert len(lines(capsys)) == MAX_GATHERED_LINES


def test_broken_record_breaks_no_other(fresh: None, capsys: pytest.CaptureFixture[str]) -> None:
    handler, ask = gathering()
    logging.getLogger("ngw2f").info("%d", "no number")
    ask()
    handler.flush()
    assert lines(capsys)[-1].endswith(" complete")


@pytest.mark.parametrize("form", ["text", "json"])
def test_gathered_request_has_the_line_of_a_record(
    fresh: None, capsys: pytest.CaptureFixture[str], form: Form
) -> None:
    handler, ask = gathering(form)
    ask()
    handler.flush()
    (gathered,) = lines(capsys)
    record = RequestIDMiddleware(AccessLogMiddleware(answering()), trusted=True)
    serve(record, "/some", headers={"X-Request-ID": "of-nginx"})
    handler.flush()
    (recorded,) = lines(capsys)
    assert without_numbers(gathered) == without_numbers(recorded)


def without_numbers(line: str) -> str:
    return re.sub(r"[\d.:-]+", "0", line)


# The tests before may have left threads.
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_child_does_not_write_what_its_parent_gathered(
    fresh: None, capfd: pytest.CaptureFixture[str]
) -> None:
    handler, ask = gathering()
    ask()
    assert Fork(lambda: None, ["ngw2f", "child"]).wait() == 0
    assert capfd.readouterr().err == ""
    handler.flush()
    assert capfd.readouterr().err.endswith(" complete\n")


def test_closed_error_stream_stops_nothing(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    handler, ask = gathering()
    monkeypatch.setattr("sys.stderr", closed)
    assert ask().status == "200 OK"
    handler.flush()


def test_request_has_fields(fresh: None, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO", GatheringHandler("json"))
    app = RequestIDMiddleware(AccessLogMiddleware(answering()), trusted=True)
    serve(app, "/some", headers={"X-Request-ID": "of-nginx"})
    (line,) = lines(capsys)
    entry = json.loads(line)
    assert (entry["request_id"], entry["path"], entry["status"]) == ("of-nginx", "/some", 200)


def test_traceback_is_one_line() -> None:
    try:
        raise ZeroDivisionError("oh")
    except ZeroDivisionError as error:
        record = logging.makeLogRecord({"msg": "failed", "exc_info": (type(error), error, None)})
    assert "ZeroDivisionError: oh" in json.loads(JSONFormatter().format(record))["traceback"]


def test_level(fresh: None, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("WARNING", GatheringHandler("json"))
    logging.getLogger("ngw2f").info("not this")
    assert lines(capsys) == []


@pytest.mark.parametrize("form", ["text", "json"])
def test_all_lines_of_a_request_name_it(
    fresh: None, capsys: pytest.CaptureFixture[str], form: Form
) -> None:
    configure_logs("INFO", GatheringHandler(form))
    log = logging.getLogger("ngw2f.some")
    with following("of-nginx"):
        log.info("within")
    log.info("after")
    within, after = lines(capsys)
    if form == "text":
        assert within.endswith("within of-nginx")
        assert after.endswith("after")
    else:
        assert json.loads(within)["request_id"] == "of-nginx"
        assert "request_id" not in json.loads(after)
