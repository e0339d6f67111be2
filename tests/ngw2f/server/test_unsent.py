from contextlib import ExitStack
from functools import partial

from ngw2f.server.unsent import Unsent


def test_slowest_are_cut_off() -> None:
    unsent = Unsent(100)
    cut: list[str] = []
    with ExitStack() as answers:
        for name in ("stalled", "reads", "late"):
            note_progress = answers.enter_context(unsent.holding(30, partial(cut.append, name)))
            if name == "reads":
                reads = note_progress
        reads()
        answers.enter_context(unsent.holding(50, lambda: cut.append("new")))
        assert cut == ["stalled", "late"]
        # What was cut off may still say so before it learns of it.
        note_progress()
    assert (unsent._bytes, len(unsent._waiting)) == (0, 0)


def test_one_alone_may_have_more() -> None:
    unsent = Unsent(100)
    cut: list[int] = []
    for _ in range(3):
        with unsent.holding(1000, lambda: cut.append(1)):
            pass
    assert not cut
