from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from middleware.cache.groups import (
    CLOCK_BYTES,
    GROUP_SLOTS,
    KEY_SLOTS,
    SLOTS,
    GroupClock,
    SharedGroupClock,
    slot_of,
    slots_of,
)
from middleware.cache.prefixes import prefix_groups

ROOM = slots_of(["room-1"])


@pytest.fixture(params=["process", "host"])
def clock(request: pytest.FixtureRequest, tmp_path: Path) -> GroupClock:
    return GroupClock() if request.param == "process" else SharedGroupClock(tmp_path / "clock")


def test_what_started_before_a_drop_is_dropped(clock: GroupClock) -> None:
    started = clock.now()
    assert not clock.is_dropped(ROOM, started)
    clock.drop(["room-1"])
    assert clock.is_dropped(ROOM, started)


def test_what_starts_after_a_drop_is_not(clock: GroupClock) -> None:
    clock.drop(["room-1"])
    assert not clock.is_dropped(ROOM, clock.now() + 1)


def test_other_groups_are_not_dropped(clock: GroupClock) -> None:
    started = clock.now()
    clock.drop(["users"])
    assert not clock.is_dropped(ROOM, started)


def test_one_dropped_group_of_several_is_enough(clock: GroupClock) -> None:
    started = clock.now()
    clock.drop(["users"])
    assert clock.is_dropped((*ROOM, slot_of("users")), started)


def test_slots_are_the_same_in_every_process() -> None:
    assert slot_of("room-1") == 60862
    assert 0 <= slot_of("\udce4") < SLOTS


def test_what_clients_choose_is_in_no_slot_of_a_group_or_prefix() -> None:
    origin = "https://a.test"
    groups = {slot_of(name) for name in ("rooms", f"{origin} rooms", f"{origin} /a/b", "", "a/b")}
    keys = {
        slot_of(f"{origin}/{n}{rest}") for n in range(5000) for rest in ("", "?b rooms", "?/* ")
    }
    prefixes = {slot_of(name) for n in range(5000) for name in prefix_groups(f"{origin}/{n}")}
    assert max(groups) < GROUP_SLOTS <= min(keys)
    assert max(keys) < GROUP_SLOTS + KEY_SLOTS <= min(prefixes)
    assert max(prefixes) < SLOTS


def test_shared_clock_is_seen_by_another(tmp_path: Path) -> None:
    one, other = (SharedGroupClock(tmp_path / "clock") for _ in range(2))
    started = other.now()
    one.drop(["room-1"])
    assert other.is_dropped(ROOM, started)


def test_shared_clock_is_seen_by_another_process(tmp_path: Path) -> None:
    clock = SharedGroupClock(tmp_path / "clock")
    started = clock.now()
    in_child(lambda: SharedGroupClock(tmp_path / "clock").drop(["room-1"]))
    assert clock.is_dropped(ROOM, started)


def test_clock_opened_before_a_fork_is_shared(tmp_path: Path) -> None:
    clock = SharedGroupClock(tmp_path / "clock")
    started = clock.now()
    in_child(lambda: clock.drop(["room-1"]))
    assert clock.is_dropped(ROOM, started)


def drop_many(clock: SharedGroupClock, name: str) -> None:
    for number in range(200):
        clock.drop([f"{name}-{number}"])


def test_processes_at_once_lose_no_drop(tmp_path: Path) -> None:
    clock = SharedGroupClock(tmp_path / "clock")
    started = clock.now()
    children = [start_child(partial(drop_many, clock, name)) for name in "abcd"]
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    names = [f"{name}-{n}" for name in "abcd" for n in range(200)]
    assert all(clock.is_dropped(slots_of([name]), started) for name in names)


def test_threads_at_once_lose_no_drop(clock: GroupClock) -> None:
    started = clock.now()
    names = [[f"{name}-{n}" for n in range(100)] for name in "abcd"]
    threads = [
        threading.Thread(target=lambda some=some: [*map(clock.drop, [[n] for n in some])])
        for some in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(clock.is_dropped(slots_of([n]), started) for some in names for n in some)


def test_drops_survive_a_restart_of_the_process(tmp_path: Path) -> None:
    first = SharedGroupClock(tmp_path / "clock")
    started = first.now()
    first.drop(["room-1"])
    first.close()
    assert SharedGroupClock(tmp_path / "clock").is_dropped(ROOM, started)


def test_shared_clock_is_opened_at_its_first_use(tmp_path: Path) -> None:
    clock = SharedGroupClock(tmp_path / "folder" / "clock")
    started = clock.now()
    assert not list(tmp_path.iterdir())
    assert not clock.is_dropped(ROOM, started)
    assert clock.path.exists()
    assert clock.path.parent.stat().st_mode & 0o077 == 0


def test_clock_that_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    clock = SharedGroupClock(tmp_path / "clock")
    clock.path.mkdir()
    with pytest.raises(IsADirectoryError):
        clock.open()
    clock.path.rmdir()
    assert not clock.is_dropped(ROOM, clock.now())


def test_thread_that_comes_second_uses_what_the_first_opened(tmp_path: Path) -> None:
    clock = SharedGroupClock(tmp_path / "clock")
    clock.open()
    first = clock._map
    del clock.__dict__["_stamps"]  # As both find it, if they come at the same time.
    clock.open()
    assert clock._map is first


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full disk to try")
def test_full_disk_leaves_no_descriptor() -> None:
    clock = SharedGroupClock("/dev/full")
    with pytest.raises(OSError, match="space"):
        clock.open()
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(clock._file)


def test_clock_is_closed_that_was_never_opened(tmp_path: Path) -> None:
    clock = SharedGroupClock(tmp_path / "clock")
    clock.close()
    with pytest.raises(ValueError, match="closed"):
        clock.is_dropped(ROOM, 0)
    assert not clock.path.exists()


def test_closing_twice_does_no_harm(tmp_path: Path) -> None:
    clock = SharedGroupClock(tmp_path / "clock")
    clock.open()
    clock.close()
    clock.close()
    with pytest.raises(ValueError, match="released"):
        clock.is_dropped(ROOM, 0)
    with pytest.raises(ValueError, match="closed"):
        clock.drop(["room-1"])


def test_stamps_of_before_a_reboot_are_forgotten(tmp_path: Path) -> None:
    class Yesterday(SharedGroupClock):
        def now(self) -> int:
            return super().now() + 10**15

    old = Yesterday(tmp_path / "clock")
    old.drop(["room-1"])
    clock = SharedGroupClock(tmp_path / "clock")
    assert not clock.is_dropped(ROOM, clock.now())


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's account of a map is Linux's")
def test_opening_takes_no_memory_for_the_slots(tmp_path: Path) -> None:
    clock = SharedGroupClock(tmp_path / "clock")
    clock.open()
    mapped = Path("/proc/self/smaps").read_text().partition(f" {clock.path}\n")[2]
    assert int(mapped.partition("Rss:")[2].split()[0]) < 64
    clock.close()


def test_file_of_another_size_is_emptied(tmp_path: Path) -> None:
    (tmp_path / "clock").write_bytes(b"\xff" * 100)
    clock = SharedGroupClock(tmp_path / "clock")
    assert not clock.is_dropped(range(SLOTS), 1)


def test_longer_file_of_another_release_keeps_its_length_and_drops(tmp_path: Path) -> None:
    old = SharedGroupClock(tmp_path / "clock")
    started = old.now()
    old.drop(["room-1"])
    os.truncate(tmp_path / "clock", CLOCK_BYTES * 2)
    assert SharedGroupClock(tmp_path / "clock").is_dropped(ROOM, started)
    assert old.path.stat().st_size == CLOCK_BYTES * 2


def test_shorter_file_of_another_release_keeps_its_drops(tmp_path: Path) -> None:
    old = SharedGroupClock(tmp_path / "clock")
    started = old.now()
    old.drop(["room-1"])
    old.close()
    os.truncate(tmp_path / "clock", GROUP_SLOTS * 8)
    assert SharedGroupClock(tmp_path / "clock").is_dropped(ROOM, started)


def test_file_is_for_its_owner_only(tmp_path: Path) -> None:
    clock = SharedGroupClock(tmp_path / "clock")
    clock.open()
    assert clock.path.stat().st_mode & 0o777 == 0o600


def in_child(work: Callable[[], object]) -> None:
    assert os.waitpid(start_child(work), 0)[1] == 0


def start_child(work: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return child
