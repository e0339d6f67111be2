"""The page that switches layers off and on, and compares."""

import shutil
from io import BytesIO
from pathlib import Path

import pytest
from webtest import TestApp, TestResponse
from werkzeug.test import create_environ, run_wsgi_app

from examples.middleware import panel, play
from examples.middleware.edited import EditedChain
from examples.middleware.runs import Runs
from examples.middleware.switches import Switches
from middleware.answer import Answer
from middleware.chain import Layer
from middleware.request_id import RequestIDMiddleware

PAGE = Answer("200 OK", "<body>\nhello\n</body>\n", content_type="text/html")
OWN = Layer("chat: request id", RequestIDMiddleware, "what all below log with")
BROKEN = """
from middleware.chain import Layer
layers = [Layer("broken", 1 / 1, "cannot be made")]
"""
LATE = """
from middleware.chain import Layer
def late(app):
    def answer(environ, start_response):
        start_response("200 OK", [])
        yield b"half\\n"
        1 / 0
    return answer
layers = [Layer("late", late, "fails behind its first part")]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return Path(shutil.copy(Path(play.__file__).with_name(play.NAME), tmp_path))


@pytest.fixture
def client(file: Path) -> TestApp:
    return new_client(file)


def new_client(file: Path) -> TestApp:
    """Return a client of a process of its own, as a second worker is."""
    edited = EditedChain(file, PAGE, Switches(file.parent / "switches"), [OWN])
    app = play.with_panel(edited, Runs(file.parent / "runs.json"))
    return TestApp(app, {"REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost:8001"})


def click(client: TestApp, **form: str) -> TestResponse:
    """Send the form as a browser does after a click; return the page that it is led to."""
    response = client.post("/playground", form, status=303)
    assert response.location.endswith("/playground#answer")
    return client.get("/playground")


def cells(page: TestResponse, kind: str) -> list[str]:
    return [cell.text for cell in page.html.select(f".rows > .{kind}")]


def names(page: TestResponse) -> list[str]:
    return [cell.text for cell in page.html.select("li strong")]


def states(page: TestResponse) -> dict[str, str]:
    return {button["value"]: button["aria-checked"] for button in page.html.select("button.switch")}


def test_page_shows_the_chain(client: TestApp) -> None:
    page = client.get("/playground")
    assert names(page) == ["headers", "pre-routing", "rewriting", OWN.name, "the chat"]
    assert set(states(page).values()) == {"true"}
    page.mustcontain(
        "Give each request an id, for the layers below and for the client.", "Nothing has been"
    )


def test_switch_takes_a_layer_out_and_puts_it_back(client: TestApp) -> None:
    assert client.get("/").headers["X-Played-With"] == "yes"
    page = click(client, off="headers")
    assert states(page)["headers"] == "false"
    assert "X-Played-With" not in client.get("/").headers
    assert "played with" in client.get("/")
    assert states(click(client, on="headers"))["headers"] == "true"
    assert client.get("/").headers["X-Played-With"] == "yes"


def test_all_are_switched_on_at_once(client: TestApp) -> None:
    click(client, off="headers")
    assert list(states(click(client, off=OWN.name)).values()).count("false") == 2
    assert set(states(click(client, all="on")).values()) == {"true"}
    assert client.get("/").headers["X-Played-With"] == "yes"


def test_answer_is_compared_with_the_one_before(client: TestApp) -> None:
    page = click(client, send="yes")
    assert "X-Played-With: yes" in page.html.find("pre").text
    page = click(client, off="headers")
    assert cells(page, "gone") == ["X-Played-With: yes", ""]
    page.mustcontain("Different lines: 1 gone.", "all layers on", "without headers")
    page = click(client, off="rewriting")
    assert "<p>played with</p>" in cells(page, "gone")
    page = click(client, send="yes")
    page.mustcontain("No difference.")
    page = click(client, on="rewriting")
    assert "<p>played with</p>" in cells(page, "new")


def test_first_click_has_something_to_compare_with(client: TestApp) -> None:
    assert cells(click(client, off="headers"), "gone") == ["X-Played-With: yes", ""]
    page = click(client, path="/alive", on="headers")
    assert [title.text.split()[2] for title in page.html.select(".title")] == ["/alive"] * 2
    assert cells(page, "new") == ["", "X-Played-With: yes"]


def test_same_request_is_sent_until_another_is_typed(client: TestApp) -> None:
    page = click(client, method="HEAD", path="/alive", headers="A: b\r\nC: d", send="yes")
    assert page.html.find("textarea").text.strip() == "A: b\nC: d"
    page = click(client, off="pre-routing")
    page.mustcontain("HEAD /alive", "without pre-routing")
    # The layer answered in plain text, and the application does not.
    assert "Content-Type: text/plain; charset=utf-8" in cells(page, "changed")


@pytest.mark.parametrize(
    ("form", "mistake"),
    [
        ({"off": "nosuch"}, "no layer is named 'nosuch'; there are: headers, pre-routing, "),
        ({"off": "../runs"}, "no layer is named '../runs'"),
        ({"off": "headers", "on": "nosuch"}, "no layer is named 'nosuch'"),
        ({"off": "headers", "path": "alive"}, "a path must begin with a slash: 'alive'"),
        ({"off": "headers", "method": "<b>"}, "the method must be one of GET, "),
    ],
    ids=["unknown", "path", "one of two", "no path", "no method"],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    client: TestApp, file: Path, form: dict[str, str], mistake: str
) -> None:
    page = client.post("/playground", form, status=400)
    assert mistake in page.html.find(role="alert").text
    assert set(states(page).values()) == {"true"}
    assert not (file.parent / "runs.json").exists()
    assert client.get("/").headers["X-Played-With"] == "yes"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:8002"}, 403),
        # The name of another site, which leads to this machine.
        ({"Origin": "http://evil.example", "Host": "evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Host": "evil.example:8001"}, 403),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8001"}, 303),
        ({"Origin": "http://localhost:8001"}, 303),
        ({"Host": "127.0.0.1:8001", "Origin": "http://127.0.0.1:8001"}, 303),
        ({"Host": "[::1]:8001"}, 303),
        ({"Host": "[::1]"}, 303),
        ({"Host": "localhost"}, 303),
        ({}, 303),
    ],
)
def test_only_its_own_page_switches(client: TestApp, headers: dict[str, str], status: int) -> None:
    client.post("/playground", {"off": "headers"}, headers=headers, status=status)
    assert ("X-Played-With" in client.get("/").headers) == (status == 403)


def test_other_machines_are_refused(client: TestApp) -> None:
    client.get("/playground", extra_environ={"REMOTE_ADDR": "192.0.2.1"}, status=403)


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "Via"])
def test_who_comes_by_a_proxy_is_refused(client: TestApp, name: str) -> None:
    client.get("/playground", headers={name: "127.0.0.1"}, status=403)


def test_two_workers_agree(client: TestApp, file: Path) -> None:
    other = new_client(file)
    click(client, send="yes")
    page = click(other, off="headers")
    assert cells(page, "gone") == ["X-Played-With: yes", ""]
    assert "X-Played-With" not in client.get("/").headers
    assert client.get("/playground").text == other.get("/playground").text


def test_panel_is_outside_of_a_chain_that_fails(client: TestApp, file: Path) -> None:
    click(client, send="yes")
    file.write_text("layers = [")
    page = click(client, off=OWN.name)
    page.mustcontain("SyntaxError", "500 Internal Server Error")
    assert states(page) == {OWN.name: "false"}


def test_layer_that_cannot_be_made_can_be_switched_off(client: TestApp, file: Path) -> None:
    file.write_text(BROKEN)
    assert client.get("/", status=500).text.endswith("'float' object is not callable\n")
    assert "not callable" in client.get("/playground").html.find("details").text
    page = click(client, off="broken")
    assert page.html.find("details") is None
    assert "hello" in client.get("/")


def test_layer_that_fails_late_can_be_switched_off(client: TestApp, file: Path) -> None:
    file.write_text(LATE)
    page = click(client, off="late")
    page.mustcontain("half", "ZeroDivisionError", "&lt;body&gt;")
    assert states(page)["late"] == "false"


def test_page_runs_no_scripts_and_has_its_sheet(client: TestApp) -> None:
    page = client.get("/playground")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    sheet = client.get(page.html.find("link", rel="stylesheet")["href"])
    assert sheet.content_type == "text/css"


def test_other_paths_methods_and_sizes(client: TestApp) -> None:
    assert client.get("/playground/nothing", status=404)
    assert client.put("/playground", status=405).headers["Allow"].startswith("GET")
    much = {"headers": "a" * panel.MAX_FORM_BYTES}
    assert client.post("/playground", much, status=413)
    # Not below it.
    assert "hello" in client.get("/playgrounds")


@pytest.mark.parametrize(("more", "status"), [(0, 303), (1, 303), (100, 413), (100_000, 413)])
def test_form_may_come_in_chunks(client: TestApp, more: int, status: int) -> None:
    begun = b"send=yes&headers=A:"
    environ = create_environ("/playground", "http://localhost:8001", method="POST")
    environ |= {
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "wsgi.input": BytesIO(begun + b"a" * (panel.MAX_FORM_BYTES - len(begun) - 50 + more)),
        # As servers do it where no length is said.
        "wsgi.input_terminated": True,
    }
    environ.pop("CONTENT_LENGTH", None)
    assert run_wsgi_app(client.app, environ)[1].startswith(str(status))


def test_answer_cannot_write_into_the_page(client: TestApp, file: Path) -> None:
    file.write_text("layers = []")
    page = click(client, headers="X-Typed: <script>", send="yes")
    page.mustcontain("X-Typed: &lt;script&gt;", "&lt;body&gt;", no="<script>")


def test_page_shows_the_journey_of_what_was_asked(client: TestApp) -> None:
    page = click(client, method="GET", path="/", headers="", send="yes")
    journey = page.text.partition("Its journey")[2]
    assert "GET /\n200 OK, " in journey
    assert "own ms  layer" in journey
    assert "headers            ↑ + X-Played-With: yes" in journey
    page = click(client, off="headers")
    assert "X-Played-With" not in page.text.partition("Its journey")[2].partition("</pre>")[0]
    assert "chat: request id" in page.text.partition("Its journey")[2].partition("</pre>")[0]


def test_chain_that_cannot_be_made_has_no_journey(client: TestApp, file: Path) -> None:
    file.write_text("layers = 1 / 0")
    page = click(client, method="GET", path="/", headers="", send="yes")
    assert "Its journey" not in page.text
