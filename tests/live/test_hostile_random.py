"""Made-up frames and packets, the same ones in each run, leave nothing behind."""

from benchmarks.hostile.attack import Attack
from tests.live.server import ChatServer

INPUTS = 3_000


def test_made_up_input_leaves_nothing(chat: ChatServer) -> None:
    result = Attack(chat, INPUTS, seed=1).run(clients=4)
    assert result.inputs >= INPUTS
    left = (result.tracebacks, result.http_after_switch, result.connections, result.subscriptions)
    assert left == (0, 0, 0, 0)
    assert chat.call("GET", "/api/rooms").status_code == 200
