"""What is sent again with the same key is not done again."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import ColumnElement, Table, func, select
from webtest import TestResponse

from ngw2f.api_resources import Message
from ngw2f.errors import Invalid
from ngw2f.http import Request
from ngw2f.server.service import Service
from ngw2f.store.rooms import LOBBY_ID
from ngw2f.store.schema import events, messages, rooms
from ngw2f.store.users import find_user
from ngw2f.web import idempotency
from ngw2f.web.services import Services
from tests.client import BROWSER, Client

both = pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
KEY = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}


@pytest.fixture
def ann(client: Client) -> dict[str, str]:
    return client.join("ann")


def post(
    client: Client,
    headers: dict[str, str],
    source: str = "hello",
    path: str = "/api/messages",
    **fields: str,
) -> TestResponse:
    return client.post_json(path, {"source": source}, headers=headers | KEY | fields)


def count(service: Service, table: Table, *conditions: ColumnElement[bool]) -> int:
    with service.services.core.database.reading() as connection:
        found = connection.scalar(select(func.count()).select_from(table).where(*conditions))
    assert found is not None
    return found


@both
def test_sent_again_is_stored_once(service: Service, client: Client, ann: dict[str, str]) -> None:
    first, again = post(client, ann), post(client, ann)
    assert first.status_int == again.status_int == 201
    assert first.json == again.json
    assert first.headers["Location"] == again.headers["Location"]
    assert count(service, messages) == 1
    assert count(service, events, events.c.name == "message.created") == 1


@both
def test_sent_at_the_same_time_is_stored_once(
    build: Callable[..., Service], client: Client, ann: dict[str, str]
) -> None:
    """By two chats on one database, as two processes are."""
    chats = [Client(build()), Client(build())]
    found = []
    barrier = threading.Barrier(len(chats))

    def ask(chat: Client, number: int) -> None:
        barrier.wait(60)
        key = {"Idempotency-Key": f'"{number}"'}
        found.append(chat.post_json("/api/messages", {"source": "x"}, headers=ann | key))

    for number in range(5):
        threads = [threading.Thread(target=ask, args=(chat, number)) for chat in chats]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert {answer.status_int for answer in found} == {201}
    assert len({answer.json["id"] for answer in found}) == len(found) / 2 == 5


def test_answer_is_the_message_as_it_is_now(
    client: Client, ann: dict[str, str], render: Callable[[], int]
) -> None:
    first = post(client, ann)
    render()
    assert post(client, ann).json["rendered"]
    client.put_json(first.json["_links"]["self"], {"source": "edited"}, headers=ann)
    again = post(client, ann)
    assert (again.status_int, again.json["source"]) == (201, "edited")


def test_deleted_is_not_posted_again(client: Client, ann: dict[str, str]) -> None:
    client.delete(post(client, ann).json["_links"]["self"], headers=ann)
    assert post(client, ann).status_int == 410
    assert client.sources() == []


def test_key_is_for_one_message(client: Client, ann: dict[str, str]) -> None:
    room = client.post_json("/api/rooms", {"name": "other"}, headers=ann).json
    post(client, ann)
    assert post(client, ann, "something else").status_int == 422
    assert post(client, ann, path=room["_links"]["messages"]).status_int == 422
    assert client.post_json("/api/rooms", {"name": "x"}, headers=ann | KEY).status_int == 422
    assert client.sources() == ["hello"]


def test_key_is_the_accounts_own(client: Client, ann: dict[str, str]) -> None:
    assert post(client, ann).json["id"] != post(client, client.join("bob")).json["id"]


@pytest.mark.parametrize("render_before", [False, True])
def test_sent_again_with_a_task(
    client: Client, ann: dict[str, str], render: Callable[[], int], render_before: bool
) -> None:
    first = post(client, ann, Prefer="respond-async")
    if render_before:
        render()
    again = post(client, ann, Prefer="respond-async")
    if render_before:
        assert (again.status_int, again.json["rendered"]) == (201, True)
    else:
        assert first.status_int == again.status_int == 202
        assert first.headers["Location"] == again.headers["Location"]


def test_task_asked_for_the_second_time(client: Client, ann: dict[str, str]) -> None:
    post(client, ann)
    assert post(client, ann, Prefer="respond-async").status_int == 202


@both
def test_room_sent_again_is_made_once(
    service: Service, client: Client, ann: dict[str, str]
) -> None:
    made = [
        client.post_json("/api/rooms", {"name": "den", "private": True}, headers=ann | KEY)
        for _ in range(2)
    ]
    assert [answer.status_int for answer in made] == [201, 201]
    assert made[0].json == made[1].json
    assert count(service, rooms) == 2  # The lobby is there, too.


def test_room_that_is_there_needs_no_limit(client: Client, ann: dict[str, str]) -> None:
    first = client.post_json("/api/rooms", {"name": "den"}, headers=ann | KEY)
    number, refused = 0, False
    while not refused:
        number += 1
        answer = client.post_json("/api/rooms", {"name": f"r{number}"}, headers=ann)
        refused = answer.status_int == 429
    again = client.post_json("/api/rooms", {"name": "den"}, headers=ann | KEY)
    assert (again.status_int, again.json) == (201, first.json)


def test_room_of_another_request(client: Client, ann: dict[str, str]) -> None:
    client.post_json("/api/rooms", {"name": "den"}, headers=ann | KEY)
    other = {"Idempotency-Key": '"other"'}
    assert client.post_json("/api/rooms", {"name": "den"}, headers=ann | other).status_int == 400
    changed = {"name": "den", "private": True}
    assert client.post_json("/api/rooms", changed, headers=ann | KEY).status_int == 422


MALFORMED = [
    *("", '"', '""', '"a', 'a"', '"a", "b"', '"a"x', "a b", "5.5.5,1", "(a)", "\xe4", '"\xe4"'),
    *('"a\tb"', "a" * 256, '"' + "a" * 256 + '"', "a=b", "?1;x"),
]


def test_malformed_key_is_refused(client: Client, ann: dict[str, str]) -> None:
    for text in MALFORMED:
        assert post(client, ann, **{"Idempotency-Key": text}).status_int == 400, text
        assert client.sources() == [], text


@pytest.mark.parametrize(
    "text", ["8e03978e-40d5", '"8e03978e-40d5"', '  "8e03978e-40d5" ', '"8e03978e-40d5";a=1']
)
def test_ways_to_write_a_key(text: str) -> None:
    request = Request({"HTTP_IDEMPOTENCY_KEY": text})
    assert idempotency.key_of(request) == "8e03978e-40d5"


def test_longest_key(client: Client, ann: dict[str, str]) -> None:
    assert post(client, ann, **{"Idempotency-Key": '"' + "é" * 255 + '"'}).status_int == 400
    assert post(client, ann, **{"Idempotency-Key": '"' + "a" * 255 + '"'}).status_int == 201


def test_without_a_key_each_is_stored(client: Client, ann: dict[str, str]) -> None:
    client.say(ann, "hello")
    client.say(ann, "hello")
    assert client.sources() == ["hello", "hello"]


@pytest.mark.parametrize("client_id", [7, "seven", "ä" * 255])
def test_live_post_sent_again(
    service: Service, client: Client, ann: dict[str, str], client_id: int | str
) -> None:
    posted = [_post_live(service.services, client_id) for _ in range(2)]
    assert posted[0] == posted[1]
    assert client.sources() == ["hello"]


def test_key_is_one_over_all_transports(
    service: Service, client: Client, ann: dict[str, str]
) -> None:
    posted = _post_live(service.services, "c1")
    assert post(client, ann, **{"Idempotency-Key": '"c1"'}).json["id"] == posted.id


def test_client_id_of_another_kind(service: Service, client: Client, ann: dict[str, str]) -> None:
    some: list[object] = ["", "a" * 256, True, 1.5, [1], {}, 2**60]
    for client_id in some:
        with pytest.raises(Invalid):
            _post_live(service.services, client_id)
        assert client.sources() == [], client_id


def _post_live(services: Services, client_id: object) -> Message:
    """Post as WebSocket and Socket.IO do."""
    with services.core.database.reading() as connection:
        user = find_user(connection, 1)
    assert user is not None
    key = idempotency.key_of_client(client_id)
    return services.actions.messages.post(user, LOBBY_ID, "hello", key=key).message


@pytest.fixture
def browser(client: Client) -> Client:
    client.sign_in("ann")
    return client


def test_form_sent_again(browser: Client) -> None:
    for _ in range(2):
        fields = {"source": "hello", "idempotency_key": "k1"}
        assert browser.post("/rooms/lobby", fields, headers=BROWSER).status_int == 303
    assert browser.sources() == ["hello"]


def test_form_with_something_else_typed(browser: Client) -> None:
    """The browser goes back to a form that was sent; what is typed now is another message."""
    for source in ("one", "two", "two", "one"):
        fields = {"source": source, "idempotency_key": "k1"}
        assert browser.post("/rooms/lobby", fields, headers=BROWSER).status_int == 303
    assert browser.sources() == ["one", "two"]


def test_form_without_a_key(browser: Client) -> None:
    for key in ({}, {"idempotency_key": ""}):
        browser.post("/rooms/lobby", {"source": "hello"} | key, headers=BROWSER)
    assert browser.sources() == ["hello", "hello"]


def test_room_form_sent_again(browser: Client) -> None:
    for name in ("den", "den", "attic"):
        fields = {"name": name, "idempotency_key": "k1"}
        answer = browser.post("/rooms", fields, headers=BROWSER)
        assert answer.headers["Location"].endswith(f"/rooms/{name}")
