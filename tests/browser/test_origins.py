"""Pages of other origins in a browser: a trusted one uses everything, any other one nothing."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.chromium import WAIT_MS
from tests.live.server import ChatServer


class Page(BaseHTTPRequestHandler):
    """An empty page of another origin."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Stay silent."""


@pytest.fixture(scope="module")
def sites() -> Iterator[list[str]]:
    """Serve a page at three origins: two of another site than the chat's, one of the same site."""
    hosts = ["localhost", "localhost", "127.0.0.1"]
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Page) for _ in hosts]
    threads = [threading.Thread(target=each.serve_forever, args=[0.01]) for each in servers]
    for thread in threads:
        thread.start()
    yield [f"http://{host}:{each.server_port}" for host, each in zip(hosts, servers, strict=True)]
    for server in servers:
        server.shutdown()
        server.server_close()
    for thread in threads:
        thread.join()


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory, sites: list[str]) -> Iterator[ChatServer]:
    trusted = f"{sites[0]},{sites[2]}"
    server = ChatServer(tmp_path_factory.mktemp("chat"), NGW2F_TRUSTED_ORIGINS=trusted)
    server.start(queues="")
    yield server
    server.stop()


@pytest.fixture
def run_at(chat: ChatServer, browser: Any) -> Iterator[Any]:
    """Give a function that runs a script on a page of a site; it has `chat` and `call`."""
    context = browser.new_context()

    def run(site: str, script: str, *arguments: object) -> Any:
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto(site)
        work = f"const work = async (chat, given) => {{{CALL}{script}}};"
        limit = f"new Promise((_, reject) => setTimeout(reject, {WAIT_MS}, 'it hangs'))"
        race = f"return Promise.race([work(chat, given), {limit}]);"
        return page.evaluate(f"([chat, ...given]) => {{{work}{race}}}", [chat.url, *arguments])

    run.context = context  # type: ignore[attr-defined]
    yield run
    context.close()


CALL = """
    const call = async (method, path, token, body, more) => {
        const headers = token ? {Authorization: token} : {};
        if (body) headers["Content-Type"] = "application/json";
        return fetch(chat + path, {method, headers, body: body && JSON.stringify(body), ...more});
    };
    const reached = async (method, path, token, body, more) => {
        try { await call(method, path, token, body, more); return true; } catch { return false; }
    };
    const ticket = async (token) =>
        "ticket=" + (await (await call("POST", "/api/tickets", token)).json()).ticket;
    const happens = (target, name) =>
        new Promise((resolve) => target.addEventListener(name, resolve, {once: true}));
"""

READS_AND_POSTS = """
    await call("POST", "/api/users", null, {nickname: "ann", password: "secret"});
    const {token} = await (await call("POST", "/api/tokens", "Basic " + btoa("ann:secret"))).json();
    const bearer = `Bearer ${token}`;
    const posted = await call("POST", "/api/messages", bearer, {source: "from afar"});
    const list = await call("GET", "/api/messages");
    const known = {headers: {"If-None-Match": list.headers.get("ETag")}, cache: "no-store"};
    return {
        posted: [posted.status, posted.headers.get("Location"), (await posted.json()).source],
        sources: (await list.json()).messages.map((each) => each.source),
        again: (await call("GET", "/api/messages", null, null, known)).status,
        missing: (await call("GET", "/api/messages/999")).status,
        refused: (await call("POST", "/api/messages", "Bearer x", {source: "y"})).status,
        id: list.headers.get("X-Request-ID").length,
    };
"""


def test_trusted_page_reads_and_posts(run_at: Any, sites: list[str]) -> None:
    assert run_at(sites[0], READS_AND_POSTS) == {
        "posted": [201, "/api/messages/1", "from afar"],
        "sources": ["from afar"],
        "again": 304,
        "missing": 404,
        "refused": 401,
        "id": 32,
    }


LISTENS = """
    const [token] = given, bearer = `Bearer ${token}`;
    const tickets = [await ticket(bearer), await ticket(bearer)];
    const address = `${chat}/events?${tickets[0]}`;
    const source = new EventSource(address);
    const socket = new WebSocket(`${chat.replace("http", "ws")}/ws?after=0&${tickets[1]}`);
    await Promise.all([happens(source, "open"), happens(socket, "open")]);
    const streamed = new Promise((resolve) => {
        // What was posted just before may be told first.
        source.addEventListener("message.created", ({data}) => {
            const {source: words} = JSON.parse(data);
            if (words === "by a socket") resolve(words);
        });
    });
    const answered = new Promise((resolve) => {
        socket.addEventListener("message", ({data}) => {
            const event = JSON.parse(data);
            if (event.event === "posted") resolve(event.data.message.source);
        });
    });
    socket.send(JSON.stringify({type: "post", room_id: 1, source: "by a socket", client_id: 1}));
    const heard = [await answered, await streamed];
    source.close();
    const again = new EventSource(address);
    await happens(again, "error");
    return [...heard, again.readyState === EventSource.CLOSED];
"""


def test_trusted_page_listens_by_tickets(run_at: Any, chat: ChatServer, sites: list[str]) -> None:
    """A used one ends its EventSource for good."""
    assert run_at(sites[0], LISTENS, chat.register("bob")) == ["by a socket", "by a socket", True]


TRIES = """
    const [bearer] = given;
    const address = chat.replace("http", "ws") + "/ws";
    const source = new EventSource(`${chat}/events`), socket = new WebSocket(address);
    const ends = ["open", "error"].map((name) => happens(source, name));
    const opens = ["open", "close"].map((name) => happens(socket, name));
    const body = '{"nickname": "eve", "password": "secret"}';
    const simple = {mode: "no-cors", headers: {"Content-Type": "text/plain"}, body};
    return [
        await reached("GET", "/api/messages"),
        await reached("GET", "/api/messages/999"),
        await reached("POST", "/api/messages", bearer, {source: "from nowhere"}),
        (await Promise.race(ends)).type,
        (await Promise.race(opens)).type,
        await reached("POST", "/api/users", null, null, simple),
    ];
"""


def test_other_page_gets_nothing(run_at: Any, chat: ChatServer, sites: list[str]) -> None:
    bearer = f"Bearer {chat.register('carl')}"
    nothing = [False, False, False, "error", "close", False]
    assert run_at(sites[1], TRIES, bearer) == nothing
    sources = [each["source"] for each in chat.call("GET", "/api/messages").json()["messages"]]
    assert "from nowhere" not in sources
    users = [each["nickname"] for each in chat.call("GET", "/api/users").json()["users"]]
    assert "eve" not in users


def test_cookie_is_for_the_chats_own_page(run_at: Any, chat: ChatServer, sites: list[str]) -> None:
    """Also where browsers send it, between origins of one site."""
    # Who is there already stays as she is.
    chat.call("POST", "/api/users", json={"nickname": "dora", "password": "secret"})
    own = run_at.context.new_page()
    own.set_default_timeout(WAIT_MS)
    own.goto(chat.url + "/")
    own.fill("[name=nickname]", "dora")
    own.fill("[name=password]", "secret")
    own.click("text=Sign in or register")
    own.wait_for_selector(".composer")
    script = """
        const more = {credentials: "include"}, body = '{"source": "unseen"}';
        const simple = {mode: "no-cors", headers: {"Content-Type": "text/plain"}, body};
        return [
            await reached("GET", "/api/messages", null, null, more),
            await reached("POST", "/api/messages", null, {source: "unseen"}, more),
            await reached("POST", "/api/messages", null, null, {...more, ...simple}),
            await reached("GET", "/api/messages"),
        ];
    """
    assert run_at(sites[2], script) == [False, False, False, True]
    sources = [each["source"] for each in chat.call("GET", "/api/messages").json()["messages"]]
    assert "unseen" not in sources
