from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key

from tests import hanging
from tests.hanging import RENEWAL_SECONDS, TEST_SECONDS, HangWatch

ITEM: Any = SimpleNamespace(config=SimpleNamespace(stash={fault_handler_stderr_fd_key: 2}))
BEGUN = ("begun", TEST_SECONDS + RENEWAL_SECONDS, True)


@pytest.fixture
def clock() -> SimpleNamespace:
    return SimpleNamespace(now=1_000.0)


@pytest.fixture
def calls(clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    calls: list[Any] = []
    fault_handler = SimpleNamespace(
        dump_traceback_later=lambda seconds, **options: calls.append(
            ("begun", seconds, options["exit"])
        ),
        cancel_dump_traceback_later=lambda: calls.append("ended"),
    )
    monkeypatch.setattr(hanging, "faulthandler", fault_handler)
    monkeypatch.setattr(hanging, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return calls


def run(watch: HangWatch, nextitem: Any = ITEM) -> None:
    protocol = watch.pytest_runtest_protocol(ITEM, nextitem)
    next(protocol)
    with suppress(StopIteration):
        next(protocol)


def test_each_test_has_its_time(calls: list[Any], clock: SimpleNamespace) -> None:
    watch = HangWatch()
    run(watch)
    clock.now += RENEWAL_SECONDS - 1
    run(watch)
    assert calls == [BEGUN]
    clock.now += 1
    run(watch)
    assert calls == [BEGUN, BEGUN]


@pytest.mark.usefixtures("clock")
def test_nobody_is_watched_after_the_last(calls: list[Any]) -> None:
    run(HangWatch(), nextitem=None)
    assert calls == [BEGUN, "ended"]


def test_watch_goes_on_after_a_failure(calls: list[Any]) -> None:
    watch = HangWatch()
    run(watch)
    watch.pytest_exception_interact()
    run(watch)
    assert calls == [BEGUN, "ended", BEGUN]


def test_process_of_pytest_is_watched(pytestconfig: pytest.Config) -> None:
    plugins = pytestconfig.pluginmanager.get_plugins()
    assert any(isinstance(plugin, HangWatch) for plugin in plugins)
