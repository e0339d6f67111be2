from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from ngw2f.web.frames import FRAMES_A_SECOND, MAX_FRAMES, BoundedFrames, TooManyFramesError


class Frames:
    """Stands for wsproto's connection, of which so many frames have come."""

    def __init__(self) -> None:
        self.count = 0

    def events(self) -> Iterator[Any]:
        count, self.count = self.count, 0
        yield from range(count)

    def receive_data(self, _data: bytes) -> None: ...

    def send(self, _event: Any) -> bytes:
        return b""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("ngw2f.web.frames.time.monotonic", lambda: clock.now)
    return clock


def test_frames_are_bounded(clock: SimpleNamespace) -> None:
    frames = Frames()
    bounded: Any = BoundedFrames(frames)  # type: ignore[arg-type] # it stands for one
    frames.count = MAX_FRAMES
    assert len(list(bounded.events())) == MAX_FRAMES
    frames.count = 1
    with pytest.raises(TooManyFramesError):
        list(bounded.events())


def test_frames_may_go_on_at_a_pace(clock: SimpleNamespace) -> None:
    frames = Frames()
    bounded: Any = BoundedFrames(frames)  # type: ignore[arg-type] # it stands for one
    for _ in range(100):
        clock.now += 1
        frames.count = FRAMES_A_SECOND
        assert len(list(bounded.events())) == FRAMES_A_SECOND
