"""What is said in a private room reaches its members, and nobody else by any way.

Every route, form of the events and kind of event is in a table here. What is new is found where it
is declared, so a test fails until somebody has said what a member gets by it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import pytest
from sqlalchemy import select

from ngw2f.http import Request
from ngw2f.live.choice import NAMES, Choice
from ngw2f.live.entry import Entry, Form
from ngw2f.live.formats import (
    SOCKETIO_FRAMES,
    SOCKETIO_PACKETS,
    DeflatedFrames,
    JSONLines,
    ServerSentEvents,
    WebSocketFrames,
)
from ngw2f.live.page import PageEvents, PageLines
from ngw2f.live.plain import PlainText
from ngw2f.routes import build_url_map
from ngw2f.server.service import Service
from ngw2f.socketio.protocol import RefusedError
from ngw2f.store import previews, tokens, users
from ngw2f.store.previews import Content, Schedule
from ngw2f.store.schema import previews as previews_table
from ngw2f.store.schema import thumbnails
from ngw2f.store.users import UserRow
from ngw2f.web.events import PolledLines
from ngw2f.web.services import Services
from ngw2f.web.socketio import ChatApp, SocketIOGateway
from ngw2f.web.websocket import Conversation
from tests.client import PASSWORD, Client
from tests.entries import entries_of
from tests.ngw2f.live.conftest import read_chunks

NOT_ASKED: Any = None
# In all that is said in the rooms, and in what they are called and about.
MARK = "xyzzy"
NAME = f"{MARK}den"
THUMB = "\N{THUMBS UP SIGN}"
LINK = "http://a.example/plugh"

# ---- The tables ----

# What a member gets by each route that reads: whether the mark is in it. Whoever adds a route adds
# it here; nobody else may get the mark by it, whatever the table says.
READS: dict[str, bool] = {
    "/": True,
    "/account": False,
    "/account/delete": False,
    "/admin": False,
    "/admin/log": False,
    "/api/audit": False,
    "/api/events": True,
    "/api/inbox": True,
    "/api/invitations": False,
    "/api/messages": False,
    "/api/messages/<id:message_id>": True,
    "/api/messages/<id:message_id>/reactions": False,
    "/api/openapi.json": False,
    "/api/registration": False,
    "/api/rooms": True,
    "/api/rooms/<id:room_id>": True,
    "/api/rooms/<id:room_id>/members": False,
    "/api/rooms/<id:room_id>/messages": True,
    "/api/search": True,
    "/api/stats": True,
    "/api/tokens": False,
    "/api/users": False,
    "/api/users/<id:user_id>": False,
    "/api/users/<id:user_id>/export": True,
    "/direct": False,
    "/direct/<id:room_id>": True,
    "/direct/<id:room_id>/details": False,
    "/files/<id:file_id>/<file_name>": True,
    # Its file has none; tests/ngw2f/jobs/test_pictures.py has one that has.
    "/files/<id:file_id>/<file_name>/picture": False,
    "/inbox": True,
    "/join/<code>": False,
    "/login": False,
    "/logout": False,
    "/messages/<id:message_id>": True,
    "/messages/<id:message_id>/delete": True,
    "/messages/<id:message_id>/edit": True,
    "/messages/<id:message_id>/react": True,
    "/messages/<id:message_id>/reply": True,
    "/manifest.webmanifest": False,
    "/metrics": False,
    "/readyz": False,
    "/rooms": True,
    "/rooms/<name>": True,
    "/rooms/<name>/<id:room_id>": True,
    "/rooms/<name>/<id:room_id>/details": True,
    "/rooms/<name>/details": True,
    "/search": True,
    "/service-worker.js": False,
    "/stats": True,
    "/tasks/<task_id>": False,
    "/thumbnails/<name>": True,
}
# They do not end, or switch protocols: `FORMS` has what they send.
STREAMS = {"/events", "/ws", "/socket.io/"}
# What else one may ask for, beside the path.
QUERIES: dict[str, list[dict[str, object]]] = {
    "/": [{"deleted": 3}, {"reply_to": 1}],
    "/api/events": [{"after": 0, "wait": 0}, {"after": 0, "wait": 0, "as": "page"},
                    {"after": 0, "wait": 0, "rooms": 2}],
    "/api/messages": [{"user_id": 2}, {"after": 0}],
    "/api/search": [{"q": MARK}, {"q": MARK, "room": 2}, {"q": f"in:{NAME} {MARK}"},
                    {"q": "from:ann " + MARK}, {"q": f"-nothing {MARK}"}],
    "/search": [{"q": MARK}, {"q": MARK, "room": 2}, {"q": f"in:{NAME} {MARK}"}],
    "/rooms": [{}, {"archived": 1}],
    "/api/rooms": [{}, {"archived": 1}],
}  # fmt: skip
# Whoever may do this has no account any more, or another token.
ENDS_ACCOUNTS = {"/account/delete"}
ENDS_TOKENS = {"/logout", "/account", "/account/sessions", "/account/tokens/<id:token_id>",
               "/api/tokens", "/api/tokens/<id:token_id>", "/api/sessions"}  # fmt: skip
# How each form of the events is made.
FORMS: dict[type[Form], Callable[[Services], Form]] = {
    ServerSentEvents: lambda _: ServerSentEvents(),
    JSONLines: lambda _: JSONLines(),
    PolledLines: lambda _: PolledLines(),
    PlainText: lambda services: PlainText(services.core.database),
    PageEvents: lambda services: PageEvents(services.live_pages.in_language("de")),
    PageLines: lambda services: PageLines(services.live_pages.in_language("de")),
    WebSocketFrames: lambda _: WebSocketFrames(),
    # Each is the WebSocket's frame, compressed.
    DeflatedFrames: lambda _: WebSocketFrames(),
    type(SOCKETIO_PACKETS): lambda _: SOCKETIO_PACKETS,
    type(SOCKETIO_FRAMES): lambda _: SOCKETIO_FRAMES,
}
# Which events are of a room, and so for its readers alone.
OF_A_ROOM = {
    "message.created": True, "message.updated": True, "message.deleted": True,
    "message.restored": True, "message.reacted": True, "room.created": True, "room.updated": True,
    "typing": True, "unread.updated": True, "user.updated": False, "resync": False,
}  # fmt: skip

# ---- The world ----


class Reader(NamedTuple):
    kind: str
    user_id: int | None
    # Good for as long as the account may be used: what is cached is cached for it.
    token: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


@dataclass
class World:
    """A chat with a private room and direct messages, and one reader of each kind."""

    service: Service
    client: Client
    member: Reader
    others: list[Reader] = field(default_factory=list)
    task_id: str = ""
    thumbnail: str = ""

    @property
    def services(self) -> Services:
        return self.service.services

    def user(self, reader: Reader) -> UserRow | None:
        with self.services.core.database.reading() as connection:
            return users.find_user(connection, reader.user_id) if reader.user_id else None

    def new_token(self, reader: Reader) -> Reader:
        """Return the reader with a new token, made in the database whatever the reader may do."""
        if reader.user_id is None:
            return reader
        with self.services.core.database.writing() as connection:
            return reader._replace(token=tokens.create_token(connection, reader.user_id, 1))

    def state(self) -> object:
        """Return what the member knows of the private rooms."""
        paths = [
            f"/api/rooms/{room}{part}" for room in (2, 3) for part in ("", "/members", "/messages")
        ]
        answers = [self.client.get(path, headers=self.member.headers).json for path in paths]
        for answer in answers:
            for user in answer.get("users", []):
                # When they were here is nobody's secret.
                user.update(last_seen_at=0, online=False, updated_at=0)
        return answers

    def deliver(self) -> None:
        """Have the hub read what is new in the stream."""
        hub, core = self.services.hub, self.services.core
        for entry_id, fields in entries_of(core.broker.redis, core.events.key, f"({hub.position}"):
            entry = Entry.of_fields(entry_id, fields)
            assert entry is not None
            hub.deliver(entry)


@pytest.fixture
def world(build: Callable[..., Service], render: Callable[[], int]) -> World:
    service = build(rate_limit=False)
    client = Client(service)
    names = ["root", "ann", "bob", "cleo", "eve", "sam"]
    ids = {name: client.register(name) for name in names}
    signed_in = {name: Reader(name, ids[name], client.token(name)) for name in names}
    world = World(service, client, signed_in["ann"]._replace(kind="member"))
    root, ann, cleo, eve, sam = (signed_in[name] for name in ("root", "ann", "cleo", "eve", "sam"))
    _furnish(world, ids, ann)
    render()
    world.thumbnail = _show_preview(world)
    # They read it all while they may, so it is in every cache.
    for each in (cleo, eve):
        _read_everything(world, each, briefly=True)
        client.post_json(
            "/api/rooms/2/messages", {"source": "mine"}, headers=each.headers, status=201
        )
    client.delete(f"/api/rooms/2/members/{ids['cleo']}", headers=ann.headers, status=204)
    client.put(f"/api/users/{ids['eve']}/suspension", headers=root.headers, status=204)
    world.others = [
        Reader("anonymous", None),
        sam._replace(kind="stranger"),
        cleo._replace(kind="former member"),
        eve._replace(kind="suspended"),
        world.new_token(eve)._replace(kind="suspended, with a new token"),
        root._replace(kind="administrator"),
    ]
    return world


def _furnish(world: World, ids: Mapping[str, int], ann: Reader) -> None:
    """Let Ann make both rooms, and say in them what has the mark."""
    client, headers = world.client, ann.headers
    room = {"name": NAME, "private": True}
    client.post_json("/api/rooms", room, headers=headers, status=201)
    client.post_json("/api/direct", {"user_ids": [ids["bob"]]}, headers=headers, status=201)
    client.put_json("/api/rooms/2", {"topic": f"{MARK} topic"}, headers=headers, status=200)
    for name in ("bob", "cleo", "eve"):
        client.put(f"/api/rooms/2/members/{ids[name]}", headers=headers, status=204)
    said = {"source": f"{MARK} @ann @bob @cleo @eve @sam @root @room {LINK}"}
    asks = {**headers, "Prefer": "respond-async"}
    for _ in range(2):
        kind = {**headers, "Content-Type": "text/plain"}
        client.post("/api/rooms/2/files?name=a.txt", f"a file, {MARK}", headers=kind, status=201)
    first = {**said, "file_ids": [1]}
    task = client.post_json("/api/rooms/2/messages", first, headers=asks, status=202)
    world.task_id = task.headers["Location"].removeprefix("/tasks/")
    client.post_json("/api/rooms/3/messages", said, headers=headers, status=201)
    third = {**said, "file_ids": [2]}
    client.post_json("/api/rooms/2/messages", third, headers=headers, status=201)
    client.delete("/api/messages/3", headers=headers, status=204)
    # The same link in public has no preview yet, and gets none by theirs.
    client.say(headers, f"look: {LINK}")


def _show_preview(world: World, private_room_id: int = 2) -> str:
    """Store what is behind the link of a private room, or of public ones (0).

    Return the name of its picture.
    """
    content = Content(
        f"{MARK} title",
        thumbnail=f"webp {MARK}".encode(),
        media_type="image/webp",
        width=4,
        height=3,
    )
    with world.services.core.database.writing() as connection:
        private = select(previews_table.c.id).where(
            previews_table.c.private_room_id == private_room_id
        )
        preview_id = connection.execute(private).scalar_one()
        previews.set_content(connection, preview_id, content, Schedule(2e9))
        return str(connection.execute(select(thumbnails.c.name)).scalar_one())


# ---- Routes ----


class Ask(NamedTuple):
    method: str
    path: str
    rule: str
    accept: str


def rules() -> Iterator[tuple[str, str]]:
    """Yield each method and rule of the chat."""
    for rule in build_url_map(SocketIOGateway.__new__(SocketIOGateway)).iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield method, rule.rule


def asks(world: World, reader: Reader, method: str, rule: str) -> Iterator[Ask]:
    """Yield what one may ask by a rule: for both rooms, what is in them, and who is."""
    own = reader.user_id or 6
    values: dict[str, list[object]] = {
        "<name>": [world.thumbnail] if "thumbnails" in rule else [quote(NAME), "lobby"],
        "<id:room_id>": [2, 3],
        "<id:message_id>": [1, 2, 3],
        # Oneself, and a member; what would end the account of a reader is not asked for.
        "<id:user_id>": [own] if method in ("PUT", "DELETE") else [own, 2],
        # The second is of a message that is deleted.
        "<id:file_id>": [1, 2],
        "<file_name>": ["a.txt"],
        "<id:token_id>": [1],
        "<id:invitation_id>": [1],
        "<task_id>": [world.task_id],
        "<code>": ["x"],
        "<emoji>": [quote(THUMB)],
    }
    named = [name for name in values if name in rule]
    for chosen in product(*(values[name] for name in named)):
        path = rule
        for name, value in zip(named, chosen, strict=True):
            path = path.replace(name, str(value))
        assert "<" not in path, f"say what {rule} is asked for"
        for query in QUERIES.get(rule, [{}]) if method == "GET" else [{}]:
            asked = f"{path}?{urlencode(query)}" if query else path
            yield from (Ask(method, asked, rule, accept) for accept in _accepted(method, rule))


def _accepted(method: str, rule: str) -> list[str]:
    if rule.startswith("/api/"):
        return ["application/json"]
    return ["text/html", "text/plain"] if method == "GET" else ["text/html"]


def _answer(world: World, reader: Reader, ask: Ask) -> str:
    """Return all that the reader gets."""
    headers = {**reader.headers, "Accept": ask.accept}
    fields: dict[str, Any] = {
        "source": "x", "name": "x", "topic": "x", "archived": True, "nickname": "sam",
        "nicknames": "ann, bob", "user_ids": [3], "user_id": reader.user_id or 6, "message_id": 1,
        "reply_to": 1, "mode": "open", "do": "lift", "password": PASSWORD,
    }  # fmt: skip
    if ask.path.startswith("/api/"):
        body, kind = json.dumps(fields).encode(), "application/json"
    else:
        body, kind = urlencode(fields).encode(), "application/x-www-form-urlencoded"
    if ask.method == "GET":
        answer = world.client.get(ask.path, headers=headers)
    else:
        answer = world.client.request(
            ask.path, method=ask.method, headers=headers, body=body, content_type=kind
        )
    # What was asked for says nothing that the reader did not know.
    known = answer.text
    for part in (ask.path, ask.path.partition("?")[2], "/".join(ask.path.split("/")[:3])):
        known = known.replace(part, "") if part else known
    headers_shown = "\n".join(f"{key}: {value}" for key, value in answer.headers.items())
    return f"{answer.status}\n{headers_shown.replace(ask.path, '')}\n{known}"


def _has_mark(shown: str, ask: Ask) -> bool:
    # The form of a search repeats what was searched for, and a refusal names it.
    if "q=" in ask.path:
        shown = shown.replace(f'value="{MARK}"', "").replace(f'value="in:{NAME} {MARK}"', "")
        shown = shown.replace(f"<title>{MARK} ", "").replace(f"<title>in:{NAME} {MARK} ", "")
        shown = shown.replace(f"q={MARK}", "")
    return MARK in (shown.replace(f"/rooms/{NAME}", "") if NAME in ask.path else shown)


def _read_everything(world: World, reader: Reader, *, briefly: bool = False) -> dict[str, bool]:
    """Ask for all that can be read; return by rule whether the mark was in an answer.

    *briefly*: only for what shows a member something.
    """
    found: dict[str, bool] = {}
    for method, rule in rules():
        if method == "GET" and rule not in STREAMS and (READS.get(rule) or not briefly):
            for ask in asks(world, reader, method, rule):
                has_mark = _has_mark(_answer(world, reader, ask), ask)
                found[rule] = found.get(rule, False) or has_mark
    return found


def test_every_route_is_in_the_table() -> None:
    assert {rule for method, rule in rules() if method == "GET"} == READS.keys() | STREAMS


def test_members_alone_read_what_is_said(world: World) -> None:
    shown = {rule for rule, has_mark in READS.items() if has_mark}
    found = _read_everything(world, world.member)
    # So the test of the others can fail.
    assert {rule for rule, has_mark in found.items() if has_mark} == shown
    leaks = {
        f"{reader.kind}: {rule}"
        for reader in world.others
        for rule, has_mark in _read_everything(world, reader).items()
        if has_mark
    }
    assert leaks == set()


# ---- Writes ----


def test_nobody_else_changes_it(world: World) -> None:
    """No write of others comes in, nor lets them in: afterwards they still read nothing."""
    before = world.state()
    told = set()
    for reader in world.others:
        writer = world.new_token(reader)
        for method, rule in rules():
            if method == "GET" or rule in STREAMS or rule in ENDS_ACCOUNTS:
                continue
            for ask in asks(world, reader, method, rule):
                if _has_mark(_answer(world, writer, ask), ask):
                    told.add(f"{reader.kind}: {method} {rule}")
                if rule in ENDS_TOKENS:
                    writer = world.new_token(reader)
    assert told == set()
    assert world.state() == before
    for reader in world.others:
        assert not any(_read_everything(world, world.new_token(reader), briefly=True).values())


def test_nobody_else_posts_by_other_transports(world: World) -> None:
    before, services = world.state(), world.services
    said = {"room_id": 2, "source": "x"}
    for reader in world.others:
        user = services.actions.sessions.find_user(reader.token)
        subscription = services.hub.subscribe(WebSocketFrames(), user.id if user else None)
        conversation = Conversation(services, user, subscription, NOT_ASKED, NOT_ASKED)
        app = ChatApp(services)
        state = _connected(app, reader)
        for name, event in (("post", "post_message"), ("typing", "typing")):
            conversation._receive(json.dumps({"type": name, **said}))
            if state is not None:
                reply = app.receive("/", state, [event, said, reader.token], "", is_asked=True)
                assert reply.values[0]["status"] in (401, 404), reader.kind
        answers = b"".join(read_chunks(subscription))
        assert answers.count(b'"status":4') == 2, (reader.kind, answers)
        subscription.close()
    assert world.state() == before


def _connected(app: ChatApp, reader: Reader) -> str | None:
    """Return the state of a Socket.IO connection, None if the reader gets none."""
    auth = {"token": reader.token} if reader.token else {}
    try:
        return app.connect("/", auth, Request({"QUERY_STRING": ""})).state
    except RefusedError:
        return None


# ---- Events ----


def kinds_of(form: type[Form]) -> Iterator[type[Form]]:
    """Yield the forms that there are."""
    for kind in form.__subclasses__():
        # `JSON` and `PageData` are what forms are made of.
        if kind.__module__.startswith("ngw2f") and kind.__name__ not in ("JSON", "PageData"):
            yield kind
        yield from kinds_of(kind)


def test_every_form_and_event_is_in_a_table() -> None:
    assert set(kinds_of(Form)) == FORMS.keys()
    assert set(NAMES) == OF_A_ROOM.keys()


def test_events_reach_members_alone(world: World) -> None:
    """All that was, and all that comes, in each form; it may be chosen, or be everything."""
    services, hub = world.services, world.services.hub
    hub.load()
    readers = [world.member, *world.others]
    heard = {}
    for reader in readers:
        user = services.actions.sessions.find_user(reader.token)
        for make in FORMS.values():
            for rooms in (None, frozenset({2, 3})):
                form = make(services)
                digest = user.token_digest if user else None
                # As an endpoint would, if it forgot to check the choice.
                heard[reader.kind, form.name, rooms] = hub.subscribe(
                    form, user.id if user else None, digest, "0", Choice(rooms)
                )
    _make_every_event(world)
    world.deliver()
    assert {event for event, is_of_room in OF_A_ROOM.items() if is_of_room} <= set(
        _names_in_the_log(world)
    )
    for (kind, *_), subscription in heard.items():
        content = b"".join(read_chunks(subscription))
        has_mark = MARK.encode() in content
        assert has_mark == (kind == "member"), (kind, subscription.form.name, content)
        subscription.close()


def _make_every_event(world: World) -> None:
    """Let the member make every event of the private room, each with the mark where it has text."""
    client, headers = world.client, world.member.headers
    path = "/api/rooms/2/messages"
    message = client.post_json(path, {"source": f"{MARK} new"}, headers=headers, status=201).json
    itself = message["_links"]["self"]
    client.put_json(itself, {"source": f"{MARK} edited"}, headers=headers, status=204)
    client.delete(itself, headers=headers, status=204)
    client.post(f"{itself}/restore", headers=headers, status=200)
    client.put(f"{itself}/reactions/{quote(THUMB)}", headers=headers, status=200)
    client.post("/api/rooms/2/typing", headers=headers, status=204)
    client.put_json("/api/rooms/2/unread", {"message_id": 1}, headers=headers, status=200)
    client.put_json("/api/rooms/2", {"topic": f"{MARK} again"}, headers=headers, status=200)


def _names_in_the_log(world: World) -> list[str]:
    core = world.services.core
    entries = entries_of(core.broker.redis, core.events.key)
    found = [Entry.of_fields(entry_id, fields) for entry_id, fields in entries]
    return [each.name for each in found if each and each.room_id in (2, 3)]


def test_rooms_of_others_cannot_be_chosen(world: World) -> None:
    for reader in world.others:
        for path in ("/api/events?wait=0&rooms=2", "/events?rooms=1,3"):
            answer = world.client.head if path.startswith("/events") else world.client.get
            assert answer(path, headers=reader.headers).status_int in (401, 404), reader.kind


# ---- A chat in which reading needs an account ----


def test_closed_chat_tells_nothing_to_who_has_no_account(
    build: Callable[..., Service], render: Callable[[], int]
) -> None:
    """Nor of public rooms: what anonymous readers may read elsewhere."""
    service = build(rate_limit=False)
    client = Client(service)
    ann = Reader("member", client.register(f"{MARK}ann"), client.token(f"{MARK}ann"))
    world = World(service, client, ann)
    _furnish_lobby(world)
    render()
    world.thumbnail = _show_preview(world, 0)
    opened = _read_everything(world, Reader("anonymous", None))
    # So the test of the closed one can fail.
    assert all(
        opened[rule]
        for rule in ("/", "/api/messages", "/files/<id:file_id>/<file_name>", "/thumbnails/<name>")
    )
    closed = replace(world, client=Client(build(rate_limit=False, anonymous_read=False)))
    found = _read_everything(closed, Reader("anonymous", None))
    assert not any(found.values()), found
    assert closed.client.head("/events").status_int == 401


def _furnish_lobby(world: World) -> None:
    """Let Ann say something in public, with the mark in all of it."""
    client, headers = world.client, world.member.headers
    kind = {**headers, "Content-Type": "text/plain"}
    client.post("/api/rooms/1/files?name=a.txt", f"a file, {MARK}", headers=kind, status=201)
    said = {"source": f"{MARK} {LINK}", "file_ids": [1]}
    asks = {**headers, "Prefer": "respond-async"}
    task = client.post_json("/api/messages", said, headers=asks, status=202)
    world.task_id = task.headers["Location"].removeprefix("/tasks/")
