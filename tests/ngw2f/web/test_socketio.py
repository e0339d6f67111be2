"""What the chat tells Socket.IO's server of its clients."""

from ngw2f.http import Request
from ngw2f.server.service import Service
from ngw2f.web.socketio import ChatApp
from tests.client import Client


def test_client_that_has_seen_nothing_goes_on_where_it_began(
    client: Client, service: Service
) -> None:
    """It named an event that it knew, and its connection broke before the next one."""
    client.join("ann")
    app, request = ChatApp(service.services), Request({"QUERY_STRING": ""})
    began = app.connect("/", {"after": "0-0"}, request)
    again = app.connect("/", {"pid": began.answer["pid"]}, request)
    assert again.answer["pid"] == began.answer["pid"]
    assert (began.cursor, again.cursor) == ("0-0", "0-0")
