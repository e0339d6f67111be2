"""What one does for all who wait (more of it in tests/ngw2f/store/test_group_commit.py)."""

import threading
from types import SimpleNamespace

import pytest

from ngw2f import together
from ngw2f.together import LeaderKilledError, Together, Waiting
from tests.waiting import wait_until


class Doubled(Together[int, int]):
    """Doubles what it is asked, and stops whoever leads at a zero."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[list[int]] = []
        self.may_go_on = threading.Event()

    def _act(self, group: list[Waiting[int, int]]) -> None:
        group += self._take()
        self.groups.append([each.item for each in group])
        assert self.may_go_on.wait(60)
        for each in group:
            if each.item == 0:
                raise SystemExit
            each.result = 2 * each.item
            each.settle()


@pytest.fixture
def outcomes() -> dict[int, object]:
    return {}


def ask_together(doubled: Doubled, items: list[int], outcomes: dict[int, object]) -> None:
    """Let the first lead, and the others come in this order while it does."""

    def ask(item: int) -> None:
        try:
            outcomes[item] = doubled.ask(item)
        except BaseException as error:
            outcomes[item] = type(error)

    threads = []
    for item in items:
        threads.append(threading.Thread(target=ask, args=[item], daemon=True))
        threads[-1].start()
        assert wait_until(lambda: doubled.groups and len(doubled._waiting) == len(threads) - 1)
    doubled.may_go_on.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def test_each_gets_its_own_result(outcomes: dict[int, object]) -> None:
    doubled = Doubled()
    ask_together(doubled, [1, 2, 3], outcomes)
    assert doubled.groups == [[1], [2, 3]]
    assert outcomes == {1: 2, 2: 4, 3: 6}


def test_killed_leader_leaves_nobody_waiting(outcomes: dict[int, object]) -> None:
    doubled = Doubled()
    ask_together(doubled, [1, 2, 0, 3], outcomes)
    assert outcomes.pop(1) == 2
    # Any of the three may lead, and is stopped at the zero.
    assert list(outcomes.values()).count(SystemExit) == 1
    assert set(outcomes.values()) - {4} == {SystemExit, LeaderKilledError}
    assert doubled.ask(4) == 8


def test_group_is_bounded(monkeypatch: pytest.MonkeyPatch, outcomes: dict[int, object]) -> None:
    monkeypatch.setattr(together, "MAX_GROUP", 2)
    doubled = Doubled()
    ask_together(doubled, [1, 2, 3, 4], outcomes)
    assert doubled.groups == [[1], [2, 3], [4]]
    assert outcomes == {1: 2, 2: 4, 3: 6, 4: 8}


def test_who_leads_waits_for_those_who_are_coming(
    monkeypatch: pytest.MonkeyPatch, outcomes: dict[int, object]
) -> None:
    monkeypatch.setattr(together, "COMING_SECONDS", 60)
    doubled = Doubled()
    doubled.may_go_on.set()
    with doubled.coming(), doubled.coming() as coming:
        leader = threading.Thread(target=lambda: outcomes.update({1: doubled.ask(1)}), daemon=True)
        leader.start()
        assert wait_until(doubled._leading.locked)
        other = threading.Thread(
            target=lambda: outcomes.update({2: doubled.ask(2, coming)}), daemon=True
        )
        other.start()
        assert wait_until(lambda: len(doubled._coming) == 1)
    for thread in (leader, other):
        thread.join(60)
    assert doubled.groups == [[1, 2]]
    assert outcomes == {1: 2, 2: 4}


def test_who_leads_looks_who_has_come_after_a_group_of_several(
    monkeypatch: pytest.MonkeyPatch, outcomes: dict[int, object]
) -> None:
    doubled = Doubled()
    ask_together(doubled, [1, 2, 3], outcomes)
    slept: list[float] = []
    monkeypatch.setattr(together, "time", SimpleNamespace(sleep=slept.append))
    looked = []
    for item in (4, 5):
        slept.clear()
        assert doubled.ask(item) == 2 * item
        looked.append(together.LOOK_SECONDS in slept)
    assert looked == [True, False]


def test_who_leads_does_not_wait_for_ever(outcomes: dict[int, object]) -> None:
    doubled = Doubled()
    doubled.may_go_on.set()
    with doubled.coming():
        assert doubled.ask(1) == 2
    assert doubled.ask(2) == 4
    assert not doubled._coming
