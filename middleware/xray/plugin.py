"""Show the last request's ladder when a test fails: a plugin for pytest.

It shows what was recorded in the test by `middleware.xray.record`.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from middleware.xray.lint import lint
from middleware.xray.record import Recording
from middleware.xray.text import ladder


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Forget what other tests recorded."""
    Recording.latest = None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the ladder to the report of a failed test."""
    report = yield
    recording = Recording.latest
    if report.failed and call.when == "call" and recording is not None and recording.traces:
        trace = recording.trace
        report.sections.append(("X-ray of the last request", ladder(trace, lint(trace))))
    return report
