"""How pytest-xdist spreads the tests over its workers: by what they share, the longest first."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Modules that share a browser, or a chat, and stay on one worker.
TOGETHER = {
    # Where a network comes or goes, Chromium gives up what it asks for (ERR_NETWORK_CHANGED).
    "tests/browser/": [
        "tests/browser/", "tests/deploy/test_clients.py", "tests/deploy/test_hosts.py",
        "tests/examples/test_socketio.py",
    ],
    "the chat of tests/live/": [
        f"tests/live/test_{name}.py"
        for name in (
            "choice", "connections", "flood", "hostile_http", "hostile_random", "hostile_socketio",
            "hostile_websocket", "socketio", "switched", "unread", "websocket",
        )
    ],
    "the chat of tests/live/ that renders": [
        "tests/live/test_http.py", "tests/live/test_tracing.py",
    ],
}  # fmt: skip
# What takes longest, the longest first: begun last, one of them would run alone at the end.
LONGEST = [
    "tests/examples/test_walk.py",
    "tests/browser/",
    "tests/live/test_hostile",
    "tests/deploy/test_faults.py",
    "tests/live/test_faults.py",
    "tests/openapi/",
    "tests/server/test_reload.py",
    "tests/server/test_life.py",
    "tests/server/test_faults.py",
    "tests/ngw2f/jobs/test_malloc.py",
    "tests/ngw2f/jobs/test_fetch_process.py",
    "tests/deploy/",
    "tests/server/",
    "tests/examples/test_play.py",
    "tests/examples/",
    "tests/live/",
    "tests/nginx/",
    "tests/ngw2f/text/test_browser.py",
]


class SharedFirst(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types.
    """One worker gets all of a module, or of a folder whose modules share something.

    In the order in which they are collected (see `place_of`), not by the number of tests.
    """

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        paths = TOGETHER.items()
        return next((name for name, some in paths if path.startswith(tuple(some))), path)


def place_of(item: pytest.Item) -> int:
    """Return a number by which the longest tests come first."""
    matching = (place for place, path in enumerate(LONGEST) if item.nodeid.startswith(path))
    return next(matching, len(LONGEST))
