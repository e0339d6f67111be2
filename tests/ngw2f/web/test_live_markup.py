"""One markup: what an event brings to an open page is what the page has after a reload."""

import re
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup

from ngw2f.live.entry import Entry, EntryId
from ngw2f.live.nicknames import Nicknames
from ngw2f.server.service import Service
from ngw2f.web.live_markup import LiveMarkup
from tests.client import BROWSER, Client

NGW2F = Path(__file__).parents[3] / "ngw2f"


def told(client: Client, event: str) -> dict[str, Any]:
    events = client.get("/api/events?after=0&as=page", status=200).json["events"]
    data: dict[str, Any] = next(each["data"] for each in events if each["event"] == event)
    return data


def shown(client: Client, selector: str, path: str = "/") -> str:
    part = client.get(path, headers=BROWSER, status=200).html.select_one(selector)
    # It depends on what is before a message, and the page's script writes it anew.
    part.attrs.pop("data-day", None)
    return str(part)


def parsed(fragment: str) -> str:
    return str(BeautifulSoup(fragment, "html.parser").find("li"))


def test_message_is_the_one_of_its_authors_page(client: Client) -> None:
    client.sign_in("<b>ann</b>")
    message = client.post_json("/api/messages", {"source": "<i>\n"}, status=201).json
    data = told(client, "message.created")
    fragment = parsed(data.pop("fragment"))
    assert fragment == shown(client, ".message")
    assert "&lt;b&gt;ann" in fragment
    assert data == {
        "id": message["id"],
        "room_id": 1,
        "user_id": message["user_id"],
        "mentions": [],
        "mentions_room": False,
    }


def test_it_is_the_one_of_others_pages_without_actions(client: Client) -> None:
    client.say(client.join("ann"), "hello")
    fragment = parsed(told(client, "message.created")["fragment"])
    without = re.sub(r'<button aria-label="Actions".*?</form></div>', "", fragment, flags=re.DOTALL)
    assert without == shown(client, ".message")


def test_room_is_the_one_in_both_lists(client: Client) -> None:
    client.post_json("/api/rooms", {"name": "<tea> & cake"}, headers=client.join("ann"))
    fragment = parsed(told(client, "room.created")["fragment"])
    assert "aria-current" not in fragment
    assert fragment == shown(client, '.rooms li:has([data-room="2"])')
    assert fragment == shown(client, '.all-rooms li:has([data-room="2"])', "/rooms")


def test_programs_get_no_markup(client: Client) -> None:
    client.say(client.join("ann"), "hello")
    events = client.get("/api/events?after=0", status=200).json["events"]
    assert not any("fragment" in each["data"] for each in events)
    assert events[-1]["data"]["html"] == "<p>hello</p>"


@pytest.mark.parametrize("name", ["user.updated", "typing", "message.deleted", "resync"])
def test_what_is_no_markup_stays_as_it_is(service: Service, name: str) -> None:
    services = service.services
    markup = LiveMarkup(
        services.templates, Nicknames(services.core.database), services.core.database, "en"
    )
    assert markup.show(Entry(EntryId(1), name, b'{"id": 1}', None)) == b'{"id": 1}'


def test_event_of_an_older_release_is_shown(service: Service) -> None:
    services = service.services
    markup = LiveMarkup(
        services.templates, Nicknames(services.core.database), services.core.database, "en"
    )
    data = b'{"id":5,"name":"a b","private":true,"_links":{"self":"/api/rooms/5"}}'
    fragment = markup.show(Entry(EntryId(1), "room.created", data, 5))
    assert b"/rooms/a%20b/5" in fragment


@pytest.mark.parametrize(
    ("mark", "place"),
    [
        ("nickname", "message.html"),
        ("actions", "message.html"),
        ("preview", "message.html"),
        ("quote", "quote.html"),
        ("reactions", "reactions.html"),
        ("description", "message.html"),
    ],
)
def test_markup_of_a_message_is_written_once(mark: str, place: str) -> None:
    places = [
        path.name
        for path in sorted((NGW2F / "templates").iterdir())
        if f'class="{mark}"' in path.read_text()
    ]
    assert places == [place]


def test_markup_of_a_room_is_written_once() -> None:
    places = [
        path.name
        for path in sorted((NGW2F / "templates").iterdir())
        if re.search(r"<a[^>]*data-room", path.read_text())
    ]
    assert places == ["room_link.html"]


def test_script_builds_none_of_them() -> None:
    script = (NGW2F / "static/chat.js").read_text()
    built = set(re.findall(r'createElement\((\w+|"\w+")\)|element\("(\w+)", "(\w*)"', script))
    assert built == {
        ("name", "", ""),
        ('"template"', "", ""),
        ("", "li", ""),
        ("", "li", "since"),
        # Around code, which the server has only highlighted if it knows the language.
        ("", "div", "highlight"),
        # By which an administrator deletes what others say.
        ("", "a", "moderate"),
    }
