"""Lists come in pages, which a client follows by their Link, whatever it filters by."""

import re
import time

import pytest
from sqlalchemy import insert

from ngw2f.server.service import Service
from ngw2f.store.rooms import LATEST_MESSAGES
from ngw2f.store.schema import memberships, messages, rooms, users
from tests.client import Client

NOW = time.time()
# Than any test runs, however long after this file was imported.
LATER = NOW + 1e6
ROOM: dict[str, float] = {"created_at": NOW, "updated_at": NOW}
USER: dict[str, float | str] = {**ROOM, "password_hash": "", "last_seen_at": NOW}


@pytest.fixture
def crowd(service: Service, client: Client) -> dict[str, str]:
    """Let there be Ann (1), 119 more users, and as many rooms, half of them private."""
    ann = client.join("ann")
    with service.services.core.database.writing() as connection:
        connection.execute(insert(users), [_user(number) for number in range(2, 121)])
        connection.execute(insert(rooms), [_room(number) for number in range(2, 121)])
        members = [{"room_id": 2, "user_id": number, "created_at": NOW} for number in range(1, 121)]
        connection.execute(insert(memberships), members)
    return ann


def _user(number: int) -> dict[str, float | str]:
    name = f"user {number}"
    # The names are in another order than the ids.
    return {**USER, "id": number, "nickname": name, "nickname_key": f"{500 - number}"}


def _room(number: int) -> dict[str, float | str]:
    name = f"room {number}"
    return {**ROOM, "id": number, "name": name, "name_key": name, "private": number % 2 == 0}


def follow(client: Client, path: str, headers: dict[str, str] | None = None) -> list[list[int]]:
    """Return the ids on each page from *path* on."""
    pages = []
    while path:
        answer = client.get(path, headers=headers, status=200)
        (items,) = (each for each in answer.json.values() if isinstance(each, list))
        pages.append([item["id"] for item in items])
        link = re.fullmatch(r'<(.*)>; rel="next"', answer.headers.get("Link", '<>; rel="next"'))
        assert link is not None
        path = link[1]
    return pages


def flat(pages: list[list[int]]) -> list[int]:
    return [item for page in pages for item in page]


VISIBLE = [1, 2, *range(3, 121, 2)]


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("/api/users", list(range(1, 121))),
        ("/api/rooms", VISIBLE),
        ("/api/rooms/2/members", list(range(1, 121))),
    ],
)
def test_list_in_pages(client: Client, crowd: dict[str, str], path: str, ids: list[int]) -> None:
    pages = follow(client, path, crowd)
    assert flat(pages) == ids
    assert len(pages[0]) == 50
    assert [len(page) for page in follow(client, f"{path}?limit=7", crowd)[:-1]] == [7] * (
        (len(ids) - 1) // 7
    )
    assert follow(client, f"{path}?after={ids[-2]}&limit=1", crowd) == [[ids[-1]]]
    assert follow(client, f"{path}?after={ids[-1]}", crowd) == [[]]


@pytest.mark.parametrize("limit", [200, 201, 2**31 - 1])
def test_page_has_at_most_200(
    service: Service, client: Client, crowd: dict[str, str], limit: int
) -> None:
    with service.services.core.database.writing() as connection:
        connection.execute(insert(users), [_user(number) for number in range(121, 300)])
    assert len(follow(client, f"/api/users?limit={limit}")[0]) == 200


@pytest.mark.parametrize("path", ["/api/users", "/api/rooms", "/api/rooms/1/members", "/rooms"])
@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "limit=-1", "limit=", "after=-1", "after=x", "after=1.5"]
)
def test_bad_page(client: Client, path: str, query: str) -> None:
    answer = client.get(f"{path}?{query}")
    assert answer.status_int == 400
    assert query.partition("=")[0] in answer.text


def test_anybody_sees_public_rooms(client: Client, crowd: dict[str, str]) -> None:
    assert flat(follow(client, "/api/rooms?limit=9")) == [1, *range(3, 121, 2)]


@pytest.mark.parametrize("wanted", [0, 1])
@pytest.mark.parametrize("chunk", [3, 500])
def test_online_in_pages(
    service: Service,
    client: Client,
    crowd: dict[str, str],
    wanted: int,
    chunk: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ngw2f.web.users.CHUNK", chunk)
    here = set(range(1, 121, 3))
    service.services.presence.enter(here)
    found = follow(client, f"/api/users?online={wanted}&limit=6")
    assert flat(found) == [number for number in range(1, 121) if (number in here) == bool(wanted)]
    assert {len(page) for page in found[:-1]} == {6}


def test_filters_stay_from_page_to_page(
    service: Service, client: Client, crowd: dict[str, str]
) -> None:
    with service.services.core.database.writing() as connection:
        changed = users.c.id.in_([4, 8, 90])
        connection.execute(users.update().where(changed).values(updated_at=LATER))
    service.services.presence.enter([4, 90, 91])
    since = LATER - 1
    assert follow(client, f"/api/users?updated_since={since}&limit=1") == [[4], [8], [90]]
    path = f"/api/users?updated_since={since}&online=1&limit=1"
    assert follow(client, path) == [[4], [90]]


def test_page_of_all_rooms(client: Client, crowd: dict[str, str]) -> None:
    client.sign_in("user 3x")
    page, seen = client.get("/rooms", headers={"Accept": "text/html"}), []
    while True:
        seen += [link["href"] for link in page.html.select(".all-rooms a")]
        following = page.html.select("a[rel=next]")
        if not following:
            break
        page = client.get(following[0]["href"], headers={"Accept": "text/html"})
    assert seen == ["/rooms/lobby", *(f"/rooms/room%20{number}" for number in range(3, 121, 2))]
    assert "/rooms/room%203" in client.get("/rooms").text


def near(client: Client, path: str = "/", headers: dict[str, str] | None = None) -> list[int]:
    page = client.get(path, headers={"Accept": "text/html", **(headers or {})})
    return [int(link["data-room"]) for link in page.html.select(".rooms li a")]


def test_page_shows_a_choice_of_rooms(
    service: Service, client: Client, crowd: dict[str, str]
) -> None:
    """Its own, the lobby, the reader's, those in which somebody has just spoken, the newest."""
    with service.services.core.database.writing() as connection:
        said = {**ROOM, "user_id": 1, "source": "x", "html": "x", "rendered": True, "version": 1}
        rows = [{**said, "room_id": room_id} for room_id in (5, *[7] * LATEST_MESSAGES, 4)]
        connection.execute(insert(messages), rows)
    found = near(client, "/rooms/room%203", crowd)
    assert len(found) == 50
    assert {1, 2, 3, 7, 119} <= set(found)
    # Too long ago, and another one's private room.
    assert not {4, 5} & set(found)
    assert 2 not in near(client)
    assert client.get("/", headers={"Accept": "text/html"}).html.select("a[href='/rooms']")
