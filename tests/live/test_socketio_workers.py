"""Socket.IO on two workers without stickiness: every request may reach the other one."""

import json
import os
import signal
import socket
import threading
from typing import Any

import pytest

from tests.live.engine import Poller, sources_of
from tests.live.hostile import POLLING, WEBSOCKET, Raw
from tests.live.server import ChatServer
from tests.waiting import wait_until

WORKERS = 2
ROUNDS = 10


def say(chat: ChatServer, token: str, *sources: str) -> None:
    for source in sources:
        answer = chat.call("POST", "/api/messages", token, json={"source": source})
        assert answer.status_code == 201


def numbered(name: str, count: int = ROUNDS) -> list[str]:
    return [f"{name} {number}" for number in range(count)]


def heard_by(raw: Raw, since: int, last: str) -> list[str]:
    """Return the messages after the one with the id *since* that a WebSocket gets, to the last."""
    events: list[list[object]] = []
    while last not in sources_of(events, since):
        events.append(json.loads(raw.text("42[")[2:]))
    return sources_of(events, since)


def test_any_worker_answers_polls_and_posts(chat: ChatServer, ann: str) -> None:
    client = Poller(chat, token=ann)
    sources = numbered("any")
    for source in sources:
        assert client.ask("post_message", {"source": source})["source"] == source
    while client.sources() != sources:
        assert client.poll().status_code == 200
        assert client.sources() == sources[: len(client.sources())]


def test_poll_that_is_held_gets_what_another_worker_says(chat: ChatServer, ann: str) -> None:
    client = Poller(chat, token=ann)
    for number in range(ROUNDS):
        poll = threading.Thread(target=client.poll)
        poll.start()
        if number % 2:
            client.emit("typing", {"room_id": 10**9})
        else:
            say(chat, ann, f"held {number}")
        poll.join()
        while number % 2 and number // 2 not in client.acknowledged:
            client.poll()
    while len(client.sources()) < ROUNDS // 2:
        client.poll()
    assert client.sources() == [f"held {number}" for number in range(0, ROUNDS, 2)]


def test_websocket_at_any_worker_goes_on_with_the_session(chat: ChatServer, ann: str) -> None:
    for number in range(ROUNDS):
        client = Poller(chat, token=ann)
        before, after = numbered(f"before {number}", 3), numbered(f"after {number}", 3)
        say(chat, ann, *before)
        with client.upgrade() as raw:
            say(chat, ann, *after)
            heard = [*client.sources(), *heard_by(raw, client.since, after[-1])]
            assert heard == [*before, *after]
            raw.send('425["typing",{"room_id":1000000000}]')
            assert "no such room" in raw.text("435[")
            assert client.poll().status_code == 400


def test_poll_and_upgrade_at_once_lose_nothing(chat: ChatServer, ann: str) -> None:
    """A poll waits all the time, so it is held when the probe comes."""
    for number in range(ROUNDS):
        client = Poller(chat, token=ann)
        sources = numbered(f"at once {number}", 3)
        speaker = threading.Thread(target=say, args=[chat, ann, *sources])
        poll = threading.Thread(target=client.poll)
        poll.start()
        speaker.start()
        with client_upgrading(chat, client, poll) as raw:
            speaker.join()
            missing = len(client.sources()) < len(sources)
            rest = heard_by(raw, client.since, sources[-1]) if missing else []
            assert [*client.sources(), *rest] == sources


def client_upgrading(chat: ChatServer, client: Poller, poll: threading.Thread) -> Raw:
    raw = Raw(chat, client.url.replace("polling", "websocket"))
    raw.send("2probe")
    raw.text("3probe")
    poll.join()
    raw.send("5")
    return raw


def recover(chat: ChatServer, client: Poller, ann: str) -> Poller:
    """Connect as an official client does after its connection has broken."""
    auth = {"token": ann, "pid": client.welcome["pid"]}
    offset = {"offset": client.offset} if client.offset else {}
    return Poller(chat, client.since, **auth, **offset)


@pytest.mark.parametrize("has_heard", [True, False], ids=["with an offset", "before any event"])
def test_client_that_returns_gets_what_it_missed(
    chat: ChatServer, ann: str, has_heard: bool
) -> None:
    name = f"recovery {has_heard}"
    client = Poller(chat, token=ann)
    if has_heard:
        say(chat, ann, f"{name} first")
        while not client.sources():
            client.poll()
    missed = numbered(name, 5)
    say(chat, ann, *missed)
    again = recover(chat, client, ann)
    assert again.welcome == client.welcome
    while len(again.sources()) < len(missed):
        again.poll()
    assert again.sources() == missed


def test_restart_of_everything_is_recovered(chat: ChatServer, ann: str) -> None:
    client = Poller(chat, token=ann)
    say(chat, ann, "before the restart")
    while not client.sources():
        client.poll()
    with Raw(chat, WEBSOCKET) as raw:
        raw.send("40" + json.dumps({"token": ann}))
        welcome = json.loads(raw.text("40{")[2:])
        workers = set(chat.web_workers())
        chat.redis.stop()
        chat.redis.start()
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(chat.web_workers()) == 2 and not workers & set(chat.web_workers()))
        chat.wait_until_up()
        raw.rest()
    missed = numbered("after the restart", 3)
    say(chat, ann, *missed)
    assert client.poll().status_code == 400
    again = recover(chat, client, ann)
    assert again.welcome["pid"] == client.welcome["pid"]
    while len(again.sources()) < len(missed):
        again.poll()
    assert again.sources() == missed
    # Over a WebSocket as well, for one that had heard nothing.
    with Raw(chat, WEBSOCKET) as raw:
        raw.send("40" + json.dumps({"token": ann, "pid": welcome["pid"]}))
        assert json.loads(raw.text("40{")[2:]) == welcome
        assert heard_by(raw, client.since, missed[-1]) == missed


@pytest.mark.parametrize("auth", [{"pid": "x.y.z", "offset": "1-0"}, {"pid": 5}, {"offset": "1-0"}])
def test_foreign_pid_is_not_recovered(chat: ChatServer, auth: dict[str, Any]) -> None:
    client = Poller(chat, **auth)
    assert client.welcome["pid"] != auth.get("pid")
    # Not an empty list: a worker that is behind may tell of what came just before.
    assert "resync" not in [name for name, *_ in client.heard]


@pytest.mark.parametrize("offset", ["9999999999999-0", "x"])
def test_offset_beyond_the_log_is_not_recovered(chat: ChatServer, offset: str) -> None:
    pid = Poller(chat).welcome["pid"]
    client = Poller(chat, pid=pid, offset=offset)
    assert client.welcome["pid"] != pid
    while not client.heard:
        client.poll()
    name, resync, position = client.heard[0]
    assert (name, resync) == ("resync", {"id": position})


def test_rights_are_checked_anew(chat: ChatServer) -> None:
    bob, carl = chat.register("bob"), chat.register("carl")
    den = chat.call("POST", "/api/rooms", bob, json={"name": "den", "private": True}).json()["id"]
    client = Poller(chat, token=bob)
    messages = f"/api/rooms/{den}/messages"
    chat.call("POST", messages, bob, json={"source": "a secret"})
    say(chat, bob, "for all")
    other = recover(chat, client, carl)
    while "for all" not in other.sources():
        other.poll()
    assert other.sources() == ["for all"]


def test_session_ends_with_its_token(chat: ChatServer) -> None:
    token = chat.register("dora")
    client = Poller(chat, token=token)
    poll = threading.Thread(target=client.poll)
    poll.start()
    assert chat.call("DELETE", "/api/tokens", token).status_code == 204
    poll.join()
    wait_until(lambda: client.poll().status_code == 400)


def test_repeated_post_is_one_message(chat: ChatServer, ann: str) -> None:
    client = Poller(chat, token=ann)
    packets = '421["post_message",{"source":"repeated"}]', '422["typing",{"room_id":1}]'
    for _ in range(ROUNDS):
        assert client.post(*packets, stamp="abc").text == "ok"
    assert client.post('423["post_message",{"source":"last"}]', stamp="abd").text == "ok"
    while "last" not in client.sources():
        client.poll()
    assert client.sources() == ["repeated", "last"]


def test_half_sent_post_harms_nothing(chat: ChatServer, ann: str) -> None:
    client = Poller(chat, token=ann)
    head = f"POST {client.url} HTTP/1.1\r\nHost: chat\r\nContent-Length: 100\r\n\r\n42["
    with socket.create_connection(("127.0.0.1", chat.port)) as sock:
        sock.sendall(head.encode())
        assert client.ask("post_message", {"source": "meanwhile"})["source"] == "meanwhile"
    assert client.ask("post_message", {"source": "after it"})["source"] == "after it"


def test_lost_answer_is_recovered(chat: ChatServer, ann: str) -> None:
    client = Poller(chat, token=ann)
    with socket.create_connection(("127.0.0.1", chat.port)) as sock:
        sock.sendall(f"GET {client.url} HTTP/1.1\r\nHost: chat\r\n\r\n".encode())
        say(chat, ann, "lost")
        # The answer is there, and nobody reads it.
        assert sock.recv(1)
    say(chat, ann, "next")
    again = recover(chat, client, ann)
    while "next" not in again.sources():
        again.poll()
    assert again.sources() == ["lost", "next"]


def test_held_polls_of_a_killed_worker_are_recovered(chat: ChatServer, ann: str) -> None:
    clients = [Poller(chat, token=ann) for _ in range(4)]
    polls = []
    for client in clients:
        sock = socket.create_connection(("127.0.0.1", chat.port))
        sock.sendall(f"GET {client.url} HTTP/1.1\r\nHost: chat\r\n\r\n".encode())
        polls.append(sock)
    chat.kill_worker()
    chat.wait_until_up()
    say(chat, ann, "after the kill")
    for client, sock in zip(clients, polls, strict=True):
        sock.close()
        again = recover(chat, client, ann)
        assert again.welcome["pid"] == client.welcome["pid"]
        while not again.sources():
            again.poll()
        assert again.sources() == ["after the kill"]


def test_worker_that_was_stopped_answers_its_polls(chat: ChatServer, ann: str) -> None:
    # The master ends one that stands still for as long as the other one may take to boot.
    chat.wait_until_all_serve(WORKERS)
    clients = [Poller(chat, token=ann) for _ in range(4)]
    polls = [threading.Thread(target=client.poll) for client in clients]
    for poll in polls:
        poll.start()
    stopped = chat.web_workers()[0]
    os.kill(stopped, signal.SIGSTOP)
    say(chat, ann, "while it was stopped")
    os.kill(stopped, signal.SIGCONT)
    for client, poll in zip(clients, polls, strict=True):
        poll.join()
        while not client.sources():
            assert client.poll().status_code == 200
        assert client.sources() == ["while it was stopped"]


def test_worker_that_stops_answers_its_polls(chat: ChatServer, ann: str) -> None:
    """A session outlives a reload: the poll ends, and the next one reaches a new worker."""
    client = Poller(chat, token=ann)
    statuses: list[int] = []

    def poll() -> None:
        while "after the reload" not in client.sources() and set(statuses) <= {200}:
            statuses.append(client.poll().status_code)

    polling = threading.Thread(target=poll)
    polling.start()
    chat.reload()
    chat.wait_until_reloaded()
    chat.wait_until_up()
    say(chat, ann, "after the reload")
    polling.join()
    assert set(statuses) == {200}
    assert client.sources() == ["after the reload"]


def test_open_websocket_goes_on_without_redis(chat: ChatServer, ann: str) -> None:
    poller = Poller(chat, token=ann)
    with Raw(chat, WEBSOCKET) as raw:
        raw.send("40" + json.dumps({"token": ann}))
        raw.text("40{")
        chat.redis.stop()
        try:
            raw.send('421["post_message",{"source":"without Redis"}]')
            assert "without Redis" in raw.text("431[")
            assert poller.post("3").status_code == 503
            assert chat.call("GET", POLLING).status_code == 503
            with Raw(chat, WEBSOCKET) as other:
                other.send("40")
                other.text("40{")
        finally:
            chat.redis.start()
        assert heard_by(raw, poller.since, "without Redis") == ["without Redis"]
    wait_until(lambda: chat.call("GET", POLLING).status_code == 200)
    assert recover(chat, poller, ann).welcome["pid"] == poller.welcome["pid"]


def test_nothing_failed_meanwhile(chat: ChatServer) -> None:
    assert "Traceback" not in chat.log.read_text(errors="replace")
