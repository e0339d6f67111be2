"""The language of the pages: what the account has chosen, else what the browser asks for."""

import re

import pytest
from webtest import TestResponse

from ngw2f.server.service import Service
from tests.client import BROWSER, PASSWORD, Client
from tests.ngw2f.web.browsing import page, submit, texts

GERMAN = {**BROWSER, "Accept-Language": "de-AT, de;q=0.9, en;q=0.5"}
JSON = {"Accept": "application/json"}


def language_of(answer: TestResponse) -> tuple[str, str]:
    return answer.html.html["lang"], answer.headers["Content-Language"]


def choose(client: Client, language: str) -> TestResponse:
    return submit(page(client, "/account"), "/account/language", language=language)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/", "Mach mit"),
        ("/login", "Anmelden"),
        ("/rooms", "Räume"),
        ("/search", "Suchen"),
        ("/stats", "Wer wo schreibt"),
        ("/rooms/lobby/details", "Niemand ist Mitglied. Alle dürfen hier lesen und schreiben."),
        ("/join/none", "Diese Einladung gilt nicht mehr"),
        ("/rooms/none", "Diesen Raum gibt es nicht."),
        ("/nothing", "Unter /nothing gibt es nichts."),
        ("/rooms/lobby?before=x", "Before muss eine ganze Zahl von 0 bis 2147483647 sein."),
        ("/search?q=a&q=b", "Q steht mehr als einmal da."),
    ],
)
def test_page_is_in_the_language_of_the_browser(client: Client, path: str, said: str) -> None:
    answer = client.get(path, headers=GERMAN)
    assert said in answer.html.get_text()
    assert language_of(answer) == ("de", "de")
    assert "Accept-Language" in answer.headers["Vary"].split(", ")


@pytest.mark.parametrize("path", ["/account", "/account/delete", "/inbox", "/direct", "/admin",
                                  "/admin/log", "/logout", "/messages/ID/react",
                                  "/messages/ID/edit", "/messages/ID/delete"])  # fmt: skip
def test_page_of_an_account_has_no_english_text(client: Client, path: str) -> None:
    client.sign_in("ann")
    message = client.post_json("/api/messages", {"source": "1"}, status=201).json["id"]
    answer = client.get(path.replace("ID", str(message)), headers=GERMAN, status=200)
    assert language_of(answer) == ("de", "de")
    assert not re.search(r"\b(the|and|your?|of|to|is)\b", answer.html.get_text(" "))


@pytest.mark.parametrize("field", [None, "fr", "en, de", "de;q=0"])
def test_others_read_english(client: Client, field: str | None) -> None:
    headers = BROWSER | ({"Accept-Language": field} if field else {})
    answer = client.get("/", headers=headers, status=200)
    assert language_of(answer) == ("en", "en")


def test_account_has_the_last_word(client: Client) -> None:
    client.sign_in("ann")
    assert choose(client, "de").headers["Location"] == "/account?done=language"
    answer = page(client, "/account?done=language")
    assert texts(answer, "[role=status]")[:1] == ["Die Sprache ist geändert."]
    (chosen,) = answer.html.select("[name=language][checked]")
    assert chosen["value"] == "de"
    for path in ("/", "/rooms/none"):
        assert language_of(client.get(path, headers=BROWSER)) == ("de", "de")
    choose(client, "en")
    assert language_of(client.get("/", headers=GERMAN)) == ("en", "en")
    choose(client, "system")
    assert language_of(client.get("/", headers=GERMAN)) == ("de", "de")


def test_language_that_there_is_not(client: Client) -> None:
    client.sign_in("ann")
    answer = client.post("/account/language", {"language": "xx"}, headers=GERMAN, status=400)
    assert "Language muss eines von diesen sein: system, en, de." in answer.html.get_text()


def test_program_sets_the_language(client: Client) -> None:
    ann = client.join("ann")
    client.put_json("/api/users/1", {"language": "de"}, headers=ann, status=204)
    assert client.put_json("/api/users/1", {"language": "xx"}, headers=ann).status_int == 400
    client.sign_in("ann")
    assert language_of(page(client)) == ("de", "de")


def test_refusal_of_a_form(client: Client) -> None:
    form = {"nickname": "ann", "password": "1", "new": "ann"}
    answer = client.post("/login", form, headers=GERMAN)
    assert texts(answer, "[role=alert]") == ["Ein Passwort muss 8 Zeichen oder mehr haben."]
    client.sign_in("ann")
    answer = client.post("/rooms", {"name": "a/b"}, headers=GERMAN)
    assert texts(answer, "[role=alert]") == ["Der Name eines Raums darf kein '/' enthalten."]
    answer = client.get("/search?q=from:bob", headers=GERMAN)
    assert texts(answer, "[role=alert]") == ["Niemand heißt 'bob'."]


def test_errors_of_the_api_are_english_but_for_the_script_of_a_page(client: Client) -> None:
    ann = client.join("ann")
    asked = {**JSON, "Accept-Language": "de"}
    answer = client.get("/api/rooms/9", headers=asked | ann)
    assert answer.json["detail"] == "there is no such room"
    client.sign_in("ann")
    answer = client.get("/api/rooms/9", headers=asked)
    assert answer.json["detail"] == "diesen Raum gibt es nicht"
    assert answer.headers["Content-Language"] == "de"
    assert {"Cookie", "Accept-Language"} <= set(answer.headers["Vary"].split(", "))


def test_plain_text_is_english(client: Client) -> None:
    answer = client.get("/", headers={"Accept": "text/plain", "Accept-Language": "de"})
    assert "Rooms: lobby" in answer.text
    assert answer.headers["Content-Language"] == "en"


def test_event_is_in_the_language_of_its_page(client: Client) -> None:
    client.sign_in("ann")
    client.post_json("/api/messages", {"source": "hello"}, status=201)

    def fragment(query: str, **headers: str) -> str:
        path = f"/api/events?after=0&as=page{query}"
        events = client.get(path, headers=headers, status=200).json["events"]
        return next(str(each["data"]["fragment"]) for each in events if "fragment" in each["data"])

    asked = {"Accept-Language": "de"}
    assert ">Reply<" in fragment("")
    assert ">Antworten<" in fragment("", **asked)
    assert ">Reply<" in fragment("&language=en", **asked)
    assert ">Antworten<" in fragment("&language=xx", **asked)
    choose(client, "de")
    assert ">Antworten<" in fragment("")
    # As in the page.
    said = str(page(client).html.select_one(".message .actions"))
    assert "Antworten" in said
    assert "Reply" not in said


def test_dates_and_numbers(client: Client, service: Service) -> None:
    clock = service.services.templates.environment("de").filters["clock"]
    assert clock(1_772_000_000) == "25. Feb., 06:13"
    english = service.services.templates.environment("en").filters["clock"]
    assert english(1_772_700_000) == "Mar 05, 08:40"
    decimal = service.services.templates.environment("de").filters["decimal"]
    assert decimal("1.3 s") == "1,3 s"
    client.sign_in("ann", PASSWORD)
    assert "0,0 Anfragen je Sekunde" in client.get("/stats", headers=GERMAN).html.get_text()
