"""Made-up frames and packets, the same ones in each run, leave nothing behind."""

from benchmarks.hostile.sessions import HTTP_AFTER_SWITCH, Sessions
from benchmarks.hostile.watching import wait_for_calm
from tests.live.server import ChatServer

INPUTS = 2_000
SECONDS = 300


def test_made_up_input_leaves_nothing(chat: ChatServer) -> None:
    sessions = Sessions(chat.port, chat.register("attacker"), INPUTS, SECONDS, seed=1)
    sessions.run(clients=4)
    assert sessions.sent >= INPUTS
    assert sessions.answers[HTTP_AFTER_SWITCH] == 0
    assert wait_for_calm(chat.port, SECONDS) == (0, 0)
    assert "Traceback" not in chat.log.read_text(errors="replace")
    assert chat.call("GET", "/api/rooms").status_code == 200
