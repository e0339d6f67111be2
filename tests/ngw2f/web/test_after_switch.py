"""What fails after a switch of protocols is a line in the log, and an error for the client."""

import json
import logging
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from ngw2f.live.formats import WebSocketFrames
from ngw2f.live.subscription import Ending
from ngw2f.server.service import Service
from ngw2f.socketio.protocol import RefusedError
from ngw2f.web.socketio import ChatApp
from ngw2f.web.upgrade import Session
from ngw2f.web.websocket import Conversation

NOT_ASKED: Any = None


def fail(*_arguments: object, **_options: object) -> Any:
    raise ValueError("nobody expected\nthis")


def gone(*_arguments: object, **_options: object) -> Any:
    raise OperationalError("SELECT", {}, Exception("gone"))


def lines(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    assert not any(record.exc_info or "\n" in record.getMessage() for record in caplog.records)
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_session_that_fails_ends(caplog: pytest.LogCaptureFixture) -> None:
    assert list(Session(fail)) == []
    (line,) = lines(caplog)
    assert "ValueError" in line.getMessage()
    assert "test_after_switch.py" in line.getMessage()


def test_client_that_has_gone_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    def leave() -> None:
        raise BrokenPipeError

    assert list(Session(leave)) == []
    assert lines(caplog) == []


def test_message_that_fails_is_an_error(
    service: Service, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription = service.services.hub.subscribe(WebSocketFrames())
    conversation = Conversation(service.services, None, subscription, NOT_ASKED, NOT_ASKED)
    monkeypatch.setattr(conversation, "_handle", fail)
    conversation._receive('{"type": "post", "client_id": 7}')
    (frame,) = subscription._chunks
    answer = json.loads(frame[frame.index(b"{") :])
    assert (answer["data"]["status"], answer["data"]["client_id"]) == (500, 7)
    assert len(lines(caplog)) == 1


def test_event_that_fails_is_an_error(
    service: Service, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = ChatApp(service.services)
    monkeypatch.setattr(app, "_user_of", fail)
    (answer,) = app.receive("/", "", ["post_message", {"source": "x"}], "", is_asked=True).values
    assert answer["status"] == 500
    assert len(lines(caplog)) == 1


@pytest.mark.parametrize("failure", [fail, gone])
def test_connection_that_fails_is_refused(
    service: Service,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    failure: Any,
) -> None:
    app = ChatApp(service.services)
    monkeypatch.setattr(app, "_welcome", failure)
    with pytest.raises(RefusedError):
        app.connect("/", {}, NOT_ASKED)
    assert len(lines(caplog)) == 1


def test_client_comes_back_where_the_database_fails(
    service: Service, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = service.services.hub
    subscription = hub.subscribe(WebSocketFrames(), after="0")
    monkeypatch.setattr(hub, "entries_after", gone)
    assert subscription.next_chunk() is None
    assert subscription.ending is Ending.DRAINED
    assert len(lines(caplog)) == 1
