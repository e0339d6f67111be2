"""The rows that a module's tests begin with, made by requests once."""

import sqlite3
from collections.abc import Callable

from ngw2f.settings import Settings

# Whom they make, by whose headers the tests go on.
Headers = dict[str, str]


class Setting:
    """What a function has left in a chat's database, for other chats.

    Requests that make a room and some messages take longer than a test.
    """

    def __init__(self) -> None:
        self._kept = sqlite3.connect(":memory:")
        self._headers: Headers = {}

    def close(self) -> None:
        self._kept.close()

    def make(self, settings: Settings, make: Callable[[], Headers]) -> Headers:
        """Call the function, or copy what it has left; return what it returned."""
        if settings.database_url:
            return make()
        own = sqlite3.connect(settings.data_path / "chat.sqlite3")
        try:
            if self._headers:
                self._kept.backup(own)
            else:
                self._headers = make()
                own.backup(self._kept)
        finally:
            own.close()
        return dict(self._headers)
