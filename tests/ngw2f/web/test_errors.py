import pytest

from tests.client import BROWSER


@pytest.mark.parametrize(
    ("path", "accept", "media_type"),
    [
        ("/api/nothing", None, "application/problem+json"),
        ("/api/nothing", "text/html", "text/html"),
        ("/api/nothing", "text/plain", "text/plain"),
        ("/nothing", None, "text/plain"),
        ("/nothing", "*/*", "text/plain"),
        ("/nothing", "application/json", "application/problem+json"),
        ("/nothing", BROWSER["Accept"], "text/html"),
        ("/tasks/x", None, "application/problem+json"),
    ],
)
def test_form_of_an_error(client, path, accept, media_type):
    answer = client.get(path, headers={"Accept": accept} if accept else {}, status=404)
    assert answer.content_type == media_type
    assert "Accept" in answer.headers["Vary"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_problem(client):
    """RFC 9457 section 3.1."""
    assert client.get("/api/messages/5", status=404).json == {
        "title": "Not Found",
        "status": 404,
        "detail": "there is no such message",
        "type": "about:blank",
    }


def test_text(client):
    assert client.get("/nothing", status=404).text == (
        "404 Not Found: there is nothing at /nothing\n"
    )


def test_page(client):
    answer = client.get("/nothing", headers=BROWSER, status=404)
    assert answer.html.h1.text == "404 Not Found"
    assert answer.html.select_one("[role=alert]").text == "There is nothing at /nothing."


def test_path_is_escaped(client):
    answer = client.get("/%3Cscript%3E", headers=BROWSER, status=404)
    assert not answer.html.select("script")
    assert "<script>" in answer.html.select_one("[role=alert]").text


@pytest.mark.parametrize("path", ["/%ff", "/%ED%A0%80", "/%00", "/%0d%0aSet-Cookie:x"])
@pytest.mark.parametrize("accept", ["application/json", "text/html", "text/plain"])
def test_any_path_can_be_told(client, path, accept):
    answer = client.get(path, headers={"Accept": accept}, status=404)
    assert "Set-Cookie" not in answer.headers
