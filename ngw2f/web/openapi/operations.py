"""The table of operations: what programs may call, with which parameters, and what it answers.

Errors that follow from the method, the parameters, the account or a limit are not in the table:
`responses.py` adds them.
"""

from dataclasses import dataclass
from typing import Any, Literal

from ngw2f.api_resources import File, Message, Reading, Room, User
from ngw2f.web import (
    administration,
    directs,
    events,
    inbox,
    messages,
    reactions,
    readings,
    rooms,
    search,
    status,
    tickets,
    tokens,
    users,
    waiting,
)  # fmt: skip

Who = Literal["anybody", "reader", "user", "password", "operator"]
Method = Literal["get", "post", "put", "delete"]

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, its meaning, its body (a shape, or a JSON schema), and its header fields."""

    status: int
    what: str
    body: type | dict[str, Any] | None = None
    media_types: tuple[str, ...] = (JSON,)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a path: who may call it, what it takes, and what it answers."""

    method: Method
    path: str
    name: str
    summary: str
    who: Who
    answers: tuple[Answer, ...]
    parameters: tuple[str, ...] = ()
    body: type | None = None
    refusals: tuple[int, ...] = ()
    # Whether a limit counts it.
    is_limited: bool = False
    is_body_optional: bool = False
    # The body is any bytes.
    takes_bytes: bool = False
    description: str = ""


def kept(what: str, body: type | dict[str, Any], *headers: str) -> tuple[Answer, ...]:
    """Return the answers of an operation whose answer has an ETag."""
    fields = ("ETag", "Cache-Control", *headers)
    return (
        Answer(200, what, body, headers=fields),
        Answer(304, "the client knows this version", headers=fields),
    )


DONE = (Answer(204, "done"),)
REACTED = (Answer(200, "all reactions to the message", reactions.Reactions),)
READ = (Answer(200, "what is read of the room now", Reading),)
EVENTS: dict[str, Any] = {
    "type": "object",
    "required": ["events", "next"],
    "properties": {
        "events": {"type": "array", "items": {"$ref": "#/components/schemas/Event"}},
        "next": {"type": "string", "description": "the cursor to continue from, as `after`"},
    },
}
TASK_FIELDS = ("Location", "Retry-After", "Cache-Control", "Preference-Applied")
LIST = ("beyond", "limit", "If-None-Match")
PAGE = ("before", "after", "limit", "updated_since", "author", "If-None-Match")
POSTED = (
    Answer(201, "the message", Message, headers=("Location", "Preference-Applied")),
    Answer(202, "stored; the task tells when it is rendered", waiting.TaskStatus,
           headers=TASK_FIELDS),
)  # fmt: skip
EDITED = (
    Answer(200, "the message, rendered", Message,
           headers=("Content-Location", "Preference-Applied")),
    Answer(202, "stored; the task tells when it is rendered", waiting.TaskStatus,
           headers=TASK_FIELDS),
    Answer(204, "stored", headers=("Preference-Applied",)),
)  # fmt: skip
MESSAGES: dict[str, Any] = {
    "type": "object",
    "required": ["messages"],
    "properties": {
        "messages": {"type": "array", "items": {"$ref": "#/components/schemas/Message"}}
    },
}
EXPORT: dict[str, Any] = {
    "type": "object",
    "required": [
        "account",
        "tokens",
        "rooms",
        "messages",
        "reactions",
        "files",
        "readings",
        "mentions",
    ],
}
FILE_FIELDS = ("ETag", "Cache-Control", "Content-Disposition")
CHOICE = ("rooms", "events")
POST_FIELDS = ("Idempotency-Key", "Prefer")
SENT_AGAIN = "With `Idempotency-Key`, a request that is sent again is done once."
BY_ADMINISTRATORS = "Only administrators may."
IN_LOBBY = "The room is the lobby."

ADMINISTRATION = (
    Operation("get", "/api/registration", "showRegistration", "Show who may register", "anybody",
              kept("who may register", administration.Registration), ("If-None-Match",)),
    Operation("put", "/api/registration", "changeRegistration", "Choose who may register", "user",
              DONE, body=administration.Registration, is_limited=True,
              description=BY_ADMINISTRATORS),
    Operation("get", "/api/invitations", "listInvitations", "List the invitations", "user",
              kept("those that are good, newest first", administration.Invitations),
              ("If-None-Match",), refusals=(403,), description=BY_ADMINISTRATORS),
    Operation("post", "/api/invitations", "invite", "Make an invitation", "user",
              (Answer(201, "it, with the code that is shown only now",
                      administration.MadeInvitation, headers=("Cache-Control",)),),
              body=administration.NewInvitation, refusals=(409,), is_limited=True,
              description=BY_ADMINISTRATORS),
    Operation("delete", "/api/invitations/{invitation_id}", "revokeInvitation",
              "Take an invitation back", "user", DONE, ("invitation_id",), is_limited=True,
              description=BY_ADMINISTRATORS),
    Operation("put", "/api/users/{user_id}/suspension", "suspend", "Suspend an account", "user",
              DONE, ("user_id",), refusals=(409,), is_limited=True,
              description=BY_ADMINISTRATORS),
    Operation("delete", "/api/users/{user_id}/suspension", "liftSuspension",
              "Let an account be used again", "user", DONE, ("user_id",), is_limited=True,
              description=BY_ADMINISTRATORS),
    Operation("put", "/api/users/{user_id}/administrator", "appoint", "Make an administrator",
              "user", DONE, ("user_id",), refusals=(409,), is_limited=True,
              description=BY_ADMINISTRATORS),
    Operation("delete", "/api/users/{user_id}/administrator", "dismiss",
              "Make somebody administrator no more", "user", DONE, ("user_id",),
              refusals=(409,), is_limited=True, description=BY_ADMINISTRATORS),
    Operation("get", "/api/audit", "showLog", "List what administrators did", "user",
              kept("a page, newest first", administration.Log, "Link"),
              ("before", "limit", "If-None-Match"), refusals=(400, 403),
              description=BY_ADMINISTRATORS),
)  # fmt: skip

OPERATIONS = (
    Operation("get", "/api/users", "listUsers", "List users", "reader",
              kept("a page, by id", users.Users, "Link"),
              ("online", "updated_since", *LIST),
              refusals=(400,)),
    Operation("post", "/api/users", "register", "Register", "anybody",
              (Answer(201, "the user", User, headers=("Location",)),),
              body=users.NewUser, is_limited=True),
    Operation("get", "/api/users/{user_id}", "showUser", "Show a user", "reader",
              kept("the user", User), ("user_id", "If-None-Match")),
    Operation("put", "/api/users/{user_id}", "changeUser", "Change one's account", "user", DONE,
              ("user_id",), body=users.ChangedUser, refusals=(403,), is_limited=True,
              description="What is left out stays. A new password revokes all other tokens."),
    Operation("delete", "/api/users/{user_id}", "deleteUser", "Delete one's account", "password",
              DONE, ("user_id",), is_limited=True,
              description="What the user wrote stays, as of a deleted account."),
    Operation("get", "/api/users/{user_id}/export", "exportUser",
              "Export all that there is of one's account", "user",
              (Answer(200, "a file", EXPORT, headers=("Cache-Control",)),), ("user_id",),
              refusals=(403,), is_limited=True),
    Operation("post", "/api/tokens", "createToken", "Get a token", "password",
              (Answer(200, "a token", tokens.Token, headers=("Cache-Control",)),),
              body=tokens.NewToken, is_body_optional=True, is_limited=True),
    Operation("get", "/api/tokens", "listTokens", "List one's tokens and sessions", "user",
              (Answer(200, "all, the last used first", tokens.Tokens,
                      headers=("Cache-Control",)),),
              description="What was used last is known as of some minutes ago."),
    Operation("delete", "/api/tokens", "revokeToken", "Revoke the token that was sent", "user",
              DONE, is_limited=True),
    Operation("delete", "/api/tokens/{token_id}", "revokeOneToken",
              "Revoke one of one's tokens or sessions", "user", DONE, ("token_id",),
              is_limited=True),
    Operation("delete", "/api/sessions", "endOtherSessions", "End all of one's other sessions",
              "user", DONE, is_limited=True,
              description="Ends those of browsers but the one that was sent, not API tokens."),
    Operation("post", "/api/tickets", "createTicket", "Get a ticket that opens one stream", "user",
              (Answer(200, "a ticket", tickets.Ticket, headers=("Cache-Control",)),),
              is_limited=True, description="It is sent as `ticket` in the query, once, within "
              "`expires_in` seconds, where a browser cannot send Authorization."),
    Operation("get", "/api/rooms", "listRooms", "List rooms", "reader",
              kept("a page of the rooms that the reader may see", rooms.Rooms, "Link"),
              ("archived", *LIST), refusals=(400,)),
    Operation("post", "/api/rooms", "createRoom", "Create a room", "user",
              (Answer(201, "the room", Room, headers=("Location",)),), ("Idempotency-Key",),
              body=rooms.NewRoom, refusals=(404, 422), is_limited=True, description=SENT_AGAIN),
    Operation("get", "/api/rooms/{room_id}", "showRoom", "Show a room", "reader",
              kept("the room", Room), ("room_id", "If-None-Match")),
    Operation("post", "/api/direct", "openDirect", "Open direct messages", "user",
              (Answer(200, "the room of these people", Room, headers=("Location",)),
               Answer(201, "their room, which is new", Room, headers=("Location",))), (),
              body=directs.NewDirect, refusals=(404, 409), is_limited=True,
              description="The same people always have the same room, whoever asks."),
    Operation("put", "/api/rooms/{room_id}", "changeRoom", "Change one's room", "user",
              (Answer(200, "the room now", Room),), ("room_id",), body=rooms.ChangedRoom,
              refusals=(403, 409), is_limited=True,
              description="Rename it, set its topic, archive it or bring it back."),
    Operation("get", "/api/rooms/{room_id}/messages", "listMessages", "Read a room's messages",
              "reader", kept("a page, oldest first", MESSAGES, "Link"), ("room_id", *PAGE),
              refusals=(400,)),
    Operation("post", "/api/rooms/{room_id}/messages", "postMessage", "Post a message", "user",
              POSTED, ("room_id", *POST_FIELDS), body=messages.NewMessage, refusals=(409, 410, 422),
              is_limited=True, description=SENT_AGAIN),
    Operation("post", "/api/rooms/{room_id}/files", "uploadFile", "Upload a file for a message",
              "user", (Answer(201, "the file", File, headers=("Location",)),),
              ("room_id", "upload_name"), refusals=(400, 408, 409, 413), is_limited=True,
              takes_bytes=True, description="Then post a message with its id in `file_ids`."),
    Operation("get", "/files/{file_id}/{file_name}", "downloadFile", "Get a file", "reader",
              (Answer(200, "the file", {}, ("*/*",), FILE_FIELDS),
               Answer(206, "a part of it", {}, ("*/*",), FILE_FIELDS),
               Answer(304, "the client knows it", headers=("ETag", "Cache-Control")),
               Answer(416, "there is no such part", headers=("Cache-Control",))),
              ("file_id", "file_name", "If-None-Match", "Range")),
    Operation("post", "/api/rooms/{room_id}/typing", "type", "Show that one is typing", "user",
              DONE, ("room_id",), refusals=(409,), is_limited=True),
    Operation("put", "/api/rooms/{room_id}/read", "markRead", "Mark a room as read", "user",
              READ, ("room_id",), body=readings.Place, is_limited=True,
              description="All up to the message is read. The position moves only forward."),
    Operation("put", "/api/rooms/{room_id}/unread", "markUnread", "Mark a message as unread",
              "user", READ, ("room_id",), body=readings.Place, is_limited=True,
              description="The message, and all after it in the room, is unread."),
    Operation("put", "/api/rooms/{room_id}/mute", "muteRoom", "Mute a room", "user", READ,
              ("room_id",), is_limited=True),
    Operation("delete", "/api/rooms/{room_id}/mute", "unmuteRoom", "Hear of a room again", "user",
              READ, ("room_id",), is_limited=True),
    Operation("get", "/api/inbox", "showInbox", "List what mentions the account", "user",
              kept("a page, newest first", inbox.Inbox, "Link"),
              ("before", "limit", "If-None-Match"), refusals=(400,)),
    Operation("get", "/api/rooms/{room_id}/members", "listMembers", "List a room's members",
              "reader", kept("a page, by id", rooms.Members, "Link"), ("room_id", *LIST),
              refusals=(400,)),
    Operation("put", "/api/rooms/{room_id}/members/{user_id}", "addMember", "Add a member",
              "user", DONE, ("room_id", "user_id"), refusals=(403, 409), is_limited=True),
    Operation("delete", "/api/rooms/{room_id}/members/{user_id}", "removeMember",
              "Remove a member", "user", DONE, ("room_id", "user_id"), refusals=(403,),
              is_limited=True),
    Operation("get", "/api/messages", "listLobby", "Read the lobby's messages", "reader",
              kept("a page, oldest first", MESSAGES, "Link"), PAGE, refusals=(400,),
              description=IN_LOBBY),
    Operation("post", "/api/messages", "postToLobby", "Post a message to the lobby", "user",
              POSTED, POST_FIELDS, body=messages.NewMessage, refusals=(410, 422), is_limited=True,
              description=f"{IN_LOBBY} {SENT_AGAIN}"),
    Operation("get", "/api/messages/{message_id}", "showMessage", "Show a message", "reader",
              kept("the message", Message), ("message_id", "If-None-Match")),
    Operation("put", "/api/messages/{message_id}", "editMessage", "Edit one's message", "user",
              EDITED, ("message_id", "Prefer"), body=messages.ChangedMessage, refusals=(403, 409),
              is_limited=True),
    Operation("delete", "/api/messages/{message_id}", "deleteMessage", "Delete one's message",
              "user", DONE, ("message_id",), refusals=(403, 409), is_limited=True,
              description="It is gone at once; for some seconds it may be restored."),
    Operation("post", "/api/messages/{message_id}/restore", "restoreMessage",
              "Bring back one's message that was just deleted", "user",
              (Answer(200, "the message, to be rendered again", Message),), ("message_id",),
              refusals=(409,), is_limited=True),
    Operation("get", "/api/messages/{message_id}/reactions", "listReactions",
              "List who reacted to a message", "reader",
              kept("each emoji, with the first users", reactions.WhoReacted),
              ("message_id", "If-None-Match")),
    Operation("put", "/api/messages/{message_id}/reactions/{emoji}", "addReaction",
              "Put an emoji beside a message", "user", REACTED, ("message_id", "emoji"),
              refusals=(400, 409), is_limited=True),
    Operation("delete", "/api/messages/{message_id}/reactions/{emoji}", "removeReaction",
              "Take one's emoji away", "user", REACTED, ("message_id", "emoji"),
              refusals=(400, 409), is_limited=True),
    Operation("get", "/api/search", "search", "Search the messages that one may read", "reader",
              kept("the newest messages found, oldest first", search.Found, "Link"),
              ("q", "room", "before", "limit", "If-None-Match"), refusals=(400, 404),
              description='All of these hold: words, `"words in a row"`, `-without`, '
              "`from:nickname`, `in:room`."),
    *ADMINISTRATION,
    Operation("get", "/api/events", "pollEvents", "Wait for events", "reader",
              (Answer(200, "the events after the cursor; [] if none came in time", EVENTS,
                      headers=("Cache-Control",)),),
              ("cursor", "wait", "ticket", *CHOICE), refusals=(400, 404),
              description="Long polling. Without `after` and `wait`, returns where to begin."),
    Operation("get", "/api/stats", "showAllStats", "Show how busy the chat was, and who writes",
              "reader", (Answer(200, "the last hour, and the newest messages", status.AllStats,
                                headers=("Cache-Control",)),)),
    Operation("get", "/api/openapi.json", "showDescription", "Show this description", "anybody",
              kept("OpenAPI 3.1", {"type": "object", "required": ["openapi", "info", "paths"]}),
              ("If-None-Match",)),
    Operation("get", "/events", "streamEvents", "Follow the events", "reader",
              (Answer(200, "the events, until the client disconnects or the server restarts",
                      {"type": "string"},
                      (events.EVENT_STREAM + "; charset=utf-8", "application/x-ndjson", TEXT),
                      ("Cache-Control",)),),
              ("cursor", "Last-Event-ID", "ticket", *CHOICE), refusals=(400, 404, 406),
              description="The answer does not end. `Accept` chooses its format."),
    Operation("get", "/ws", "openWebSocket", "Open a WebSocket", "reader",
              (Answer(101, "from here on, frames of JSON (docs/api.md, Events)"),),
              ("cursor", "ticket", *CHOICE), refusals=(400, 403, 404, 426, 501),
              description="A WebSocket handshake (RFC 6455). Sends the events, and takes posts."),
    Operation("get", "/socket.io/", "pollSocketIO", "Socket.IO: open a session, or poll",
              "anybody",
              (Answer(101, "from here on, frames of Engine.IO"),
               Answer(200, "packets", {"type": "string"}, (TEXT,), ("Cache-Control",))),
              ("EIO", "transport", *CHOICE), refusals=(400, 403, 426, 501),
              description="Engine.IO 4 and Socket.IO 5; use one of their clients. With `sid`, "
                          "return what waits for the session, or change it to a WebSocket."),
    Operation("post", "/socket.io/", "sendSocketIO", "Socket.IO: send packets", "anybody",
              (Answer(200, "accepted", {"type": "string"}, (TEXT,), ("Cache-Control",)),),
              ("EIO", "transport", "sid"), refusals=(400, 413)),
    Operation("get", "/tasks/{task_id}", "showTask", "Show a task", "reader",
              (Answer(202, "it is not done yet", waiting.TaskStatus, headers=TASK_FIELDS[:3]),
               Answer(303, "it is done", waiting.TaskStatus, headers=("Location",))),
              ("task_id",), description="If the task failed: a 500 with the reason."),
    Operation("get", "/stats", "showStats", "Show how busy the server is", "anybody",
              (Answer(200, "the average over 15 s", status.Stats, headers=("Cache-Control",)),)),
    Operation("get", "/healthz", "isAlive", "Check that the server is alive", "anybody",
              (Answer(200, "it is", {"type": "string"}, (TEXT,), ("Cache-Control",)),)),
    Operation("get", "/readyz", "isReady", "Check that the server can work", "anybody",
              (Answer(200, "it can", status.Readiness, headers=("Cache-Control",)),
               Answer(503, "it lacks a part", status.Readiness, headers=("Cache-Control",)))),
    Operation("get", "/metrics", "showMetrics", "Show the metrics", "operator",
              (Answer(200, "Prometheus text format", {"type": "string"},
                      ("text/plain; version=0.0.4; charset=utf-8",), ("Cache-Control",)),),
              refusals=(403,)),
)  # fmt: skip
