import re
from pathlib import Path

from tests.client import Client
from tests.ngw2f.web.browsing import page

STATIC = Path(__file__).parents[3] / "ngw2f/static"


def test_manifest_names_icons_that_are_there(client: Client) -> None:
    (link,) = page(client, "/login").html.select("link[rel=manifest]")
    answer = client.get(link["href"], status=200)
    assert answer.content_type == "application/manifest+json"
    assert answer.headers["Cache-Control"] == "no-cache"
    icons = answer.json["icons"]
    assert {icon["purpose"] for icon in icons} == {"any", "maskable"}
    for icon in icons:
        png = client.get(icon["src"], status=200).body
        size = int.from_bytes(png[16:20], "big")
        assert f"{size}x{size}" == icon["sizes"]


def test_manifest_is_in_the_language_of_the_browser(client: Client) -> None:
    answer = client.get("/manifest.webmanifest", headers={"Accept-Language": "de"}, status=200)
    assert (answer.json["lang"], answer.json["description"]) == ("de", "Ein Chat für viele")
    assert answer.headers["Vary"] == "Accept-Language"


def test_service_worker_sees_all_pages_and_is_asked_for_again(client: Client) -> None:
    answer = client.get("/service-worker.js", status=200)
    assert answer.content_type == "text/javascript"
    assert answer.headers["Cache-Control"] == "no-cache"
    etag = {"If-None-Match": answer.headers["ETag"]}
    assert client.get("/service-worker.js", headers=etag).status_int == 304


def test_page_without_a_connection_is_in_the_readers_language(client: Client) -> None:
    asked = {"Accept-Language": "de"}
    script = client.get("/service-worker.js", headers=asked, status=200)
    assert "Du bist offline" in script.text
    assert "Accept-Language" in script.headers["Vary"]
    assert "You are offline" in client.get("/service-worker.js", status=200).text
    # Whoever the chat does not know any more has a browser with a language, too.
    bearer = {**asked, "Authorization": "Bearer unknown"}
    assert "Du bist offline" in client.get("/service-worker.js", headers=bearer, status=200).text


def test_each_script_has_its_digest_in_the_page(client: Client) -> None:
    client.sign_in("ann")
    for path in ("/", "/account"):
        for script in page(client, path).html.select("script[src]"):
            assert re.fullmatch("sha384-.{64}", script["integrity"])
