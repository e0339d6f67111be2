import json
import logging

import pytest

from middleware.access_log import AccessLogMiddleware
from middleware.request_id import RequestIDMiddleware
from ngw2f.logs import LOGGERS, JSONFormatter, configure_logs
from tests.middleware.serving import answering, serve


@pytest.fixture
def fresh():
    """Let the loggers be configured, and give them back as they were."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers.clear()
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def lines(capsys):
    return capsys.readouterr().err.splitlines()


def test_text(fresh, capsys):
    configure_logs("INFO")
    logging.getLogger("ngw2f.some").info("hello %s", "there")
    (line,) = lines(capsys)
    assert line.endswith("[INFO] hello there")


def test_json(fresh, capsys):
    configure_logs("INFO", "json")
    logging.getLogger("ngw2f.some").warning('a "quoted"\nline %d', 3)
    (line,) = lines(capsys)
    entry = json.loads(line)
    assert entry["message"] == 'a "quoted"\nline 3'
    assert (entry["level"], entry["logger"]) == ("WARNING", "ngw2f.some")


def test_request_has_fields(fresh, capsys):
    configure_logs("INFO", "json")
    app = RequestIDMiddleware(AccessLogMiddleware(answering()), trusted=True)
    serve(app, "/some", headers={"X-Request-ID": "of-nginx"})
    (line,) = lines(capsys)
    entry = json.loads(line)
    assert (entry["request_id"], entry["path"], entry["status"]) == ("of-nginx", "/some", 200)


def test_traceback_is_one_line():
    try:
        raise ZeroDivisionError("oh")
    except ZeroDivisionError as error:
        record = logging.makeLogRecord({"msg": "failed", "exc_info": (type(error), error, None)})
    assert "ZeroDivisionError: oh" in json.loads(JSONFormatter().format(record))["traceback"]


def test_level(fresh, capsys):
    configure_logs("WARNING", "json")
    logging.getLogger("ngw2f").info("not this")
    assert lines(capsys) == []
