"""Debian's Chromium, for the tests that see pages as people do."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.needs import lacking

# The same engine; without the parts of a desktop it takes a third of the processor time.
PROGRAMS = ["chromium-headless-shell", "chromium", "chromium-browser"]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update",
             "--disable-sync",
             # None in reserve, which takes as long to start as a page that is opened.
             "--renderer-process-limit=1"]  # fmt: skip
# How long a page may take, on a machine that others use too: no measurement.
WAIT_MS = 60_000


def wait_for_held(page: Any, held: list[Any]) -> None:
    """Wait until a route has put a request there; what the browser says is heard meanwhile."""
    deadline = time.monotonic() + WAIT_MS / 1000
    while not held:
        assert time.monotonic() < deadline, "nothing is asked for"
        page.wait_for_timeout(10)


@contextmanager
def launched_browser() -> Iterator[Any]:
    """Run a browser for a block; until its end, asyncio cannot be used in this thread."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if chromium is None:
        lacking("Chromium", "apt-get install chromium-headless-shell")
    with (
        tempfile.TemporaryDirectory(prefix="ngw2f-", ignore_cleanup_errors=True),
        sync_api.sync_playwright() as playwright,
    ):
        sync_api.expect.set_options(timeout=WAIT_MS)
        browser = playwright.chromium.launch(
            executable_path=chromium, args=ARGUMENTS, timeout=WAIT_MS
        )
        yield browser
        browser.close()
