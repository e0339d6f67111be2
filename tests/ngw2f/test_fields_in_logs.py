"""What a client sends in its fields, or in a query, is not written into a log."""

import base64
import traceback

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from werkzeug.test import EnvironBuilder, run_wsgi_app

from ngw2f.server.service import Service

MARK = "Secret7f3a"
PATHS = ["/", "/api/messages", "/events", "/api/events", "/ws", "/socket.io/", "/static/icon.svg"]
FIELDS = ["ACCEPT", "ACCEPT_ENCODING", "AUTHORIZATION", "COOKIE", "CONTENT_TYPE", "CONTENT_LENGTH"]
FIELDS += ["HOST", "IF_NONE_MATCH", "IF_MODIFIED_SINCE", "IF_RANGE", "RANGE", "PREFER", "ORIGIN"]
FIELDS += ["LAST_EVENT_ID", "REFERER", "UPGRADE", "CONNECTION", "CACHE_CONTROL", "X_REQUEST_ID"]
FIELDS += ["X_FORWARDED_FOR", "FORWARDED", "SEC_FETCH_SITE", "SEC_WEBSOCKET_KEY", "PRAGMA"]
FIELDS += ["IDEMPOTENCY_KEY", "IF_MATCH", "USER_AGENT", "EXPECT", "DATE"]
VALUES = [
    MARK,
    f'"{MARK}',
    f"{MARK}\xff\xe9",
    f"http://[{MARK}",
    f'{MARK}=[{MARK}; x="',
    "9" * 5000 + MARK,
]
VALUES += [f"Basic {MARK}", "Basic " + base64.b64encode(MARK.encode()).decode(), f"Bearer {MARK}"]
VALUES += [
    f"session={MARK}",
    f"bytes={MARK}",
    f"wait={MARK}",
    f"multipart/form-data; boundary={MARK}",
]


def send(service: Service, path: str, method: str, **changes: str | None) -> str:
    environ = EnvironBuilder(
        path, method=method, data=b"a=b" if method == "POST" else b""
    ).get_environ()
    environ.update(changes)
    body, status, _ = run_wsgi_app(
        service, environ, buffered=method != "GET" or "event" not in path
    )
    close = getattr(body, "close", None)
    if close:
        close()
    return status


@pytest.mark.parametrize("field", FIELDS)
def test_field_is_not_logged(
    service: Service, caplog: pytest.LogCaptureFixture, field: str
) -> None:
    caplog.set_level("DEBUG")
    key = field if field.startswith("CONTENT_") else f"HTTP_{field}"
    for path in PATHS:
        for value in VALUES:
            status = send(
                service, path, "POST" if field.startswith("CONTENT") else "GET", **{key: value}
            )
            assert not status.startswith("500"), (path, value)
    assert MARK not in caplog.text


@pytest.mark.parametrize("path", PATHS)
def test_query_is_not_logged(service: Service, caplog: pytest.LogCaptureFixture, path: str) -> None:
    caplog.set_level("DEBUG")
    for query in (
        f"token={MARK}",
        f"after={MARK}",
        f"ticket={MARK}",
        f"{MARK}=%FF",
        f"sid={MARK}&transport=polling&EIO=4",
    ):
        status = send(service, path, "GET", QUERY_STRING=query)
        assert not status.startswith("500"), query
    assert MARK not in caplog.text


def test_handshake_with_any_origin(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    fields = {"UPGRADE": "websocket", "CONNECTION": "Upgrade", "SEC_WEBSOCKET_VERSION": "13"}
    fields |= {"SEC_WEBSOCKET_KEY": base64.b64encode(bytes(16)).decode(), "COOKIE": "session=x"}
    fields |= {"ORIGIN": f"http://[{MARK}", "SEC_FETCH_SITE": "same-origin"}
    environ = {f"HTTP_{name}": value for name, value in fields.items()}
    assert send(service, "/ws", "GET", **environ, **{"gunicorn.socket": None})[:3] == "403"
    assert MARK not in caplog.text


def test_what_is_stored_is_not_in_an_error_of_the_database(service: Service) -> None:
    statement = text("INSERT INTO no_such_table (name) VALUES (:name)")
    with (
        service.services.core.database.reading() as connection,
        pytest.raises(DBAPIError) as caught,
    ):
        connection.execute(statement, {"name": MARK})
    assert MARK not in "".join(traceback.format_exception(caught.value))
