import socket
from pathlib import Path

import pytest

from examples.transcript.machine import claims, free_port, give_back
from examples.transcript.stage import Stage


def test_port_is_claimed_until_it_is_given_back() -> None:
    port = free_port()
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
        give_back(port)
        other.bind(("127.0.0.1", port))


def test_stage_keeps_no_port(tmp_path: Path) -> None:
    before = dict(claims)
    with Stage(tmp_path) as stage:
        assert int(stage.ports["8001"]) in claims
    assert claims == before
