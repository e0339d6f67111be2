"""Switches of layers, kept in a folder."""

from pathlib import Path

import pytest

from examples.middleware.switches import Switches, check_known

NAMES = ["headers", "chat: cache", "a/../b", "..", "été"]


@pytest.fixture
def switches(tmp_path: Path) -> Switches:
    return Switches(tmp_path / "switches")


def test_all_is_on_where_nothing_was_switched(switches: Switches) -> None:
    assert switches.off() == frozenset()


def test_any_name_goes_off_and_on(switches: Switches) -> None:
    switches.turn(off=NAMES)
    assert switches.off() == set(NAMES)
    assert len(list(switches.folder.iterdir())) == len(NAMES)
    assert len(list(switches.folder.parent.iterdir())) == 1
    switches.turn(on=["..", "headers", "never off"])
    assert switches.off() == {"chat: cache", "a/../b", "été"}


def test_processes_agree_and_do_not_undo_each_other(switches: Switches) -> None:
    other = Switches(switches.folder)
    switches.turn(off=["headers"])
    other.turn(off=["chat: cache"])
    assert switches.off() == other.off() == {"headers", "chat: cache"}


def test_unknown_name_is_told_with_those_that_there_are() -> None:
    check_known(["a"], iter(["a", "b"]))
    with pytest.raises(ValueError, match="no layer is named 'c'; there are: a, b"):
        check_known(["a", "c"], iter(["a", "b"]))
