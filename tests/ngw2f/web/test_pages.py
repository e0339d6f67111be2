import hashlib
import re
from base64 import b64encode
from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup
from sqlalchemy import update

from ngw2f.server.service import Service
from ngw2f.store.schema import messages
from tests.client import BROWSER, PASSWORD, Client
from tests.ngw2f.web.browsing import click, form_of, page, shown, submit, texts


def test_from_registration_to_deletion(client: Client, render: Callable[[], int]) -> None:
    answer = submit(page(client), "/login", nickname="Ann", password="anything")
    answer = submit(answer, "/login", password=PASSWORD)
    assert (answer.status_int, answer.headers["Location"]) == (303, "/rooms/lobby")
    answer = submit(answer.follow(headers=BROWSER), "/rooms/lobby", source="hello *world*")
    assert (answer.status_int, answer.headers["Location"]) == (303, "/rooms/lobby#end")
    render()
    answer = page(client)
    assert texts(answer, ".message .nickname") == ["Ann"]
    assert texts(answer, ".message .edited") == []
    assert str(answer.html.select_one(".message .text p")) == "<p>hello <em>world</em></p>"
    answer = submit(click(client, answer, "Edit"), "/messages/1/edit", source="bye")
    assert (answer.status_int, answer.headers["Location"]) == (303, "/rooms/lobby#m1")
    answer = page(client)
    assert texts(answer, ".message .text") == ["bye"]
    (edited,) = texts(answer, ".message .edited")
    assert re.fullmatch(r"\(edited \w+ \d\d, \d\d:\d\d\)", edited)
    answer = submit(answer, "/messages/1/delete")
    assert answer.headers["Location"] == "/rooms/lobby?deleted=1#end"
    answer = answer.follow(headers=BROWSER)
    assert texts(answer, "#messages") == ["Nobody has said anything here yet."]
    answer = submit(answer, "/messages/1/restore")
    assert (answer.status_int, answer.headers["Location"]) == (303, "/messages/1")
    answer = answer.follow(headers=BROWSER).follow(headers=BROWSER)
    assert texts(answer, ".message .text") == ["bye"]


def test_private_room_by_forms(client: Client) -> None:
    client.register("bob")
    client.sign_in("ann")
    answer = submit(page(client), "/rooms", name=" den ", private="1")
    assert answer.headers["Location"] == "/rooms/den/2"
    answer = click(client, answer.follow(headers=BROWSER), "Members")
    answer = submit(answer, "/rooms/den/2/members", nickname="BOB")
    assert answer.headers["Location"] == "/rooms/den/2/details"
    client.reset()
    page(client, "/rooms/den", 404)
    client.sign_in("bob")
    assert texts(page(client, "/rooms/den"), "h1") == ["den"]


def test_two_private_rooms_of_a_name(client: Client) -> None:
    """Each has a URL of its own; the bare name goes on leading to the one known first."""
    client.sign_in("ann")
    for source in ("first", "second"):
        path = submit(page(client), "/rooms", name="den", private="1").headers["Location"]
        answer = submit(page(client, path), path, source=source)
        assert texts(answer.follow(headers=BROWSER), ".text") == [source]
    assert texts(page(client, "/rooms/den"), ".text") == ["first"]
    assert texts(page(client, "/rooms/den/3"), ".text") == ["second"]
    links = [link["href"] for link in page(client).html.select(".rooms li a")]
    assert {"/rooms/den/2", "/rooms/den/3"} <= set(links)


@pytest.mark.parametrize(
    "path", ["/rooms/other/2", "/rooms/den/1", "/rooms/den/404", "/rooms/den/0"]
)
def test_name_and_id_belong_together(client: Client, path: str) -> None:
    client.sign_in("ann")
    submit(page(client), "/rooms", name="den", private="1")
    page(client, path, 404)
    assert client.post(path, {"source": "x"}, headers=BROWSER).status_int == 404


def test_public_room_has_its_id_too(client: Client) -> None:
    assert texts(page(client, "/rooms/lobby/1"), "h1") == ["lobby"]


@pytest.mark.parametrize("path", ["/rooms/den", "/rooms/den/members", "/rooms"])
def test_forms_need_a_session(client: Client, path: str) -> None:
    fields = {"source": "x", "nickname": "x", "name": "x"}
    assert client.post(path, fields, headers=BROWSER).status_int == 401


def test_person_who_is_signed_out_is_told_what_to_do(client: Client) -> None:
    answer = client.post("/rooms/lobby", {"source": "x"}, headers=BROWSER)
    assert texts(answer, "[role=alert]")[0].startswith("You are signed out: sign in, then")
    assert answer.html.select("a[href='/login']")


def test_only_the_author_edits(client: Client) -> None:
    client.say(client.join("bob"), "mine")
    client.sign_in("ann")
    assert texts(page(client), ".actions :is(a, button)") == ["Reply", "React", "Mark unread"]
    page(client, "/messages/1/edit", 403)
    for path in ("/messages/1/edit", "/messages/1/delete"):
        assert client.post(path, {"source": "x"}, headers=BROWSER).status_int == 403
        assert client.post(path.replace("1", "404"), {"source": "x"}).status_int == 404
    assert client.sources() == ["mine"]


@pytest.mark.parametrize("source", ["", " ", "a\0b", "x" * 10_001])
def test_message_refused(client: Client, source: str) -> None:
    client.sign_in("ann")
    answer = client.post("/rooms/lobby", {"source": source}, headers=BROWSER)
    assert (answer.status_int, answer.content_type) == (400, "text/html")
    assert client.sources() == []


def test_refused_message_comes_back_whole(client: Client) -> None:
    client.sign_in("ann")
    source = "x" * 10_000 + " the end"
    answer = client.post("/rooms/lobby", {"source": source}, headers=BROWSER, status=400)
    assert texts(answer, "[role=alert]") == [
        "Not sent: a message may have at most 10000 characters"
    ]
    assert form_of(answer, "/rooms/lobby")["source"].value == source


def test_form_that_is_sent_twice_posts_once(client: Client) -> None:
    client.sign_in("ann")
    form = form_of(page(client), "/rooms/lobby")
    for source in ("hello", "hello", "another"):
        form["source"] = source
        form.submit(headers=BROWSER, status=303)
    assert client.sources() == ["hello", "another"]
    submit(page(client), "/rooms/lobby", source="hello")
    assert client.sources() == ["hello", "another", "hello"]


def test_refused_edit_comes_back_whole(client: Client) -> None:
    client.say(client.join("ann"), "before")
    client.sign_in("ann")
    source = "x" * 10_000 + " the end"
    path = "/messages/1/edit"
    answer = client.post(path, {"source": source}, headers=BROWSER, status=400)
    assert texts(answer, "[role=alert]") == [
        "Not saved: a message may have at most 10000 characters"
    ]
    assert form_of(answer, path)["source"].value == source
    assert client.sources() == ["before"]


def test_no_field_cuts_what_is_pasted(client: Client) -> None:
    """A browser counts units of UTF-16, cuts what is over maxlength, and says nothing."""
    client.sign_in("ann")
    client.post("/rooms/lobby", {"source": "x"})
    for path in ("/", "/login", "/messages/1/edit"):
        assert "maxlength" not in page(client, path).text


def test_edit_form_keeps_the_source(client: Client) -> None:
    client.sign_in("ann")
    source = "\nfirst\n\n</textarea><b>&amp;"
    client.post("/rooms/lobby", {"source": source})
    form = form_of(page(client, "/messages/1/edit"), "/messages/1/edit")
    assert form["source"].value.replace("\r\n", "\n").lstrip("\n") == source.lstrip("\n")


def test_source_is_escaped(client: Client) -> None:
    client.say(client.join("ann"), "<script>alert(1)</script>")
    answer = page(client)
    assert not answer.html.select(".messages script")
    assert texts(answer, ".message .text") == ["<script>alert(1)</script>"]


def test_code_has_its_language(client: Client, render: Callable[[], int]) -> None:
    client.sign_in("ann")
    code = '```python\nx = 1\n```\n\n```\n<div class="highlight">\n```'
    client.post("/rooms/lobby", {"source": code})
    render()
    blocks = page(client).html.select(".text .highlight")
    assert [each["data-language"] for each in blocks] == ["python"]


def test_nickname_is_escaped(client: Client) -> None:
    client.say(client.join("<b>&"), "x")
    assert texts(page(client), ".nickname") == ["<b>&"]


def test_older_messages(client: Client) -> None:
    ann = client.join("ann")
    for number in range(5):
        client.say(ann, str(number))
    answer = page(client, "/rooms/lobby?limit=2")
    assert texts(answer, ".message .text") == ["3", "4"]
    answer = click(client, answer, "Older messages")
    assert texts(answer, ".message .text") == ["0", "1", "2"]


def test_history_is_read_both_ways(client: Client) -> None:
    ann = client.join("ann")
    for number in range(120):
        client.say(ann, str(number))
    answer = page(client)
    assert not answer.html.select("[rel=next]")
    answer = click(client, answer, "First messages")
    seen = []
    while answer.html.select("[rel=next]"):
        seen += texts(answer, ".message .text")
        assert bool(answer.html.select("[rel=prev]")) is (seen[0] != seen[-50])
        answer = click(client, answer, "Newer messages")
    seen += texts(answer, ".message .text")
    assert seen == [str(number) for number in range(120)]
    assert texts(click(client, answer, "Older messages"), ".text") == seen[50:100]
    assert texts(click(client, answer, "Newest messages"), ".text") == seen[70:]


def test_older_page_leads_back(client: Client) -> None:
    ann = client.join("ann")
    for number in range(6):
        client.say(ann, str(number))
    answer = click(client, page(client, "/?limit=2"), "Older messages")
    assert texts(answer, ".message .text") == ["0", "1", "2", "3"]
    assert texts(click(client, answer, "Newer messages"), ".message .text") == ["4", "5"]
    text = client.get("/?after=2&limit=2").text
    path = re.search(r"newer: http://localhost(?::80)?(/\S+)\)", text)
    assert path is not None
    assert "ann: 4" in client.get(path[1]).text


def test_messages_of_an_author_are_together(client: Client, service: Service) -> None:
    ann, bob = client.join("ann"), client.join("bob")
    noon = 1_000_036_800.0
    times = [(ann, 0), (ann, 60), (bob, 90), (ann, 120), (ann, 421), (ann, 43_190), (ann, 43_210)]
    for author, _ in times:
        client.say(author, "x")
    with service.services.core.database.writing() as connection:
        for message_id, (_, seconds) in enumerate(times, 1):
            moment = update(messages).where(messages.c.id == message_id)
            connection.execute(moment.values(created_at=noon + seconds))
    shown = page(client).html.select(".message")
    # Not over five minutes, and not over midnight.
    assert [int("follows" in each["class"]) for each in shown] == [0, 1, 0, 0, 0, 0, 0]
    # The line of a day has its place before a script is there, so that nothing moves then.
    assert [each.get("data-day") for each in shown] == ["Sep 9", *[None] * 5, "Sep 10"]
    german = {"Accept-Language": "de"}
    shown = client.get("/", headers={**BROWSER, **german}).html.select(".message")
    assert shown[0]["data-day"] == "9. Sept."


def test_text_for_a_terminal(client: Client) -> None:
    client.say(client.join("ann"), "hello\n*world*")
    answer = client.get("/", status=200)
    assert answer.content_type == "text/plain"
    assert re.search(
        r"^\[\w+ \d\d, \d\d:\d\d\] ann: hello\n    \*world\*$", answer.text, re.MULTILINE
    )
    assert "curl http://localhost:80/api/tokens -X POST" in answer.text.replace(
        "http://localhost/", "http://localhost:80/"
    )


def test_text_leads_to_older_messages(client: Client) -> None:
    ann = client.join("ann")
    for number in range(3):
        client.say(ann, str(number))
    text = client.get("/?limit=2").text
    path = re.search(r"older: http://localhost(?::80)?(/\S+)\)", text)
    assert path is not None
    assert "ann: 0" in client.get(path[1]).text


@pytest.mark.parametrize("host", ["<script>", "a b", "", "x" * 300, "é"])
def test_any_host_field(client: Client, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_int == 200


def test_caches_know_what_a_page_depends_on(client: Client) -> None:
    answer = page(client)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert set(answer.headers["Vary"].split(", ")) == {"Accept", "Accept-Language", "Cookie"}


@pytest.mark.parametrize("path", ["/", "/rooms", "/rooms/lobby"])
def test_program_that_takes_html_too_gets_it(client: Client, path: str) -> None:
    answer = client.get(path, headers={"Accept": "application/json, text/html;q=0.5"})
    assert answer.content_type == "text/html"


@pytest.mark.parametrize("path", ["/rooms/none", "/rooms/%00", "/rooms/%ff", "/rooms/%ED%A0%80"])
def test_unknown_room(client: Client, path: str) -> None:
    assert "there is no such room" in client.get(path, status=404).text
    assert texts(page(client, path, 404), "[role=alert]") == ["There is no such room."]


def test_pages_are_whole(client: Client) -> None:
    """Every start tag has its end: a form in the wrong place would post to another."""
    client.sign_in("ann")
    client.post("/rooms/lobby", {"source": "x"})
    for path in ("/", "/login", "/logout", "/messages/1/edit", "/nothing"):
        html = client.get(path, headers=BROWSER).text
        for tag in ("form", "div", "main", "ol", "ul", "li", "section", "details", "p"):
            assert html.count(f"<{tag}>") + html.count(f"<{tag} ") == html.count(f"</{tag}>"), tag
        title = BeautifulSoup(html, "html.parser").title
        assert title is not None
        assert title.text


def test_pages_are_as_checkers_want_them(client: Client) -> None:
    """What the Nu checker and HTML_CodeSniffer (H98) found."""
    client.sign_in("ann")
    client.post("/rooms/lobby", {"source": "x"})
    for path in ("/", "/login", "/account"):
        html = page(client, path).html
        assert not html.select("span form, p form, ol > :not(li), a button")
        assert not html.select("input[autocomplete]:not([type])")
        assert html.select_one(html.select_one("a.skip")["href"])


def test_scripts_and_sheets_are_named_by_what_is_in_them(client: Client) -> None:
    client.sign_in("ann")
    found = shown(page(client), "script[src], link[rel=stylesheet], link[rel=modulepreload]")
    assert len(found) == 6
    for element in found:
        body = client.get(element.get("src") or element["href"], status=200).body
        digest = b64encode(hashlib.sha384(body).digest()).decode()
        assert element["integrity"] == f"sha384-{digest}"


@pytest.mark.parametrize("path", ["/", "/?before=2", "/?after=0", "/account", "/stats"])
def test_each_link_leads_somewhere(client: Client, path: str) -> None:
    """Also one that is hidden until the script needs it: others read the page, too."""
    client.say(client.join("bob"), "hello")
    client.sign_in("ann")
    links = page(client, path).html.select("a")
    assert links
    assert [link for link in links if not link.get("href")] == []
