import pytest

from ngw2f.socketio.recovery import Recovery

RECOVERY = Recovery(b"key")


def test_pid_says_where_the_client_began() -> None:
    assert RECOVERY.start_of(RECOVERY.new_pid("1763717000123-1")) == "1763717000123-1"


def test_no_two_clients_have_a_pid() -> None:
    assert RECOVERY.new_pid("7-0") != RECOVERY.new_pid("7-0")


def test_another_process_knows_the_pid() -> None:
    assert Recovery(b"key").start_of(RECOVERY.new_pid("7-0")) == "7-0"


@pytest.mark.parametrize("pid", ["", ".", "..", "7-0.x.y", "é.é.é", "x" * 10_000])
def test_foreign_pid_is_none(pid: str) -> None:
    assert RECOVERY.start_of(pid) is None


def test_pid_of_another_chat_is_none() -> None:
    assert RECOVERY.start_of(Recovery(b"other").new_pid("7-0")) is None


def test_changed_pid_is_none() -> None:
    pid = RECOVERY.new_pid("7-0")
    assert RECOVERY.start_of("8" + pid[1:]) is None
    assert RECOVERY.start_of(pid + "x") is None


def test_public_id_stays_with_the_pid_and_does_not_tell_it() -> None:
    pid = RECOVERY.new_pid("7-0")
    assert RECOVERY.sid_of(pid) == RECOVERY.sid_of(pid)
    assert RECOVERY.sid_of(pid) not in pid
    assert len(RECOVERY.sid_of(pid)) == 20
