import pytest

from ngw2f.links.guard.deadline import Deadline
from ngw2f.links.guard.errors import LinkFailed


def test_time_runs_out() -> None:
    now = 100.0
    deadline = Deadline(10, lambda: now)
    assert deadline.remaining() == 10
    now = 109.5
    assert deadline.remaining() == 0.5
    now = 110.0
    with pytest.raises(LinkFailed, match="longer than 10 s") as caught:
        deadline.remaining()
    assert caught.value.kind == "timeout"
