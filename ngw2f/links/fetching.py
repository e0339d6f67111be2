"""What fetches links and shrinks pictures, loaded by the process that is asked to.

Most processes of a chat never are, and its libraries take five megabytes.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from ngw2f.links.one_thread import Note
from ngw2f.settings import Settings

if TYPE_CHECKING:
    from ngw2f.links.preview.thumbnail import Thumbnailer
    from ngw2f.links.visit import PreviewFetcher


class Fetching:
    """The parts that all threads of a process share."""

    def __init__(self, settings: Settings, note: Note) -> None:
        """*note* is called with the link being parsed or decoded, which may crash the process."""
        self._settings = settings
        self._note = note

    @cached_property
    def thumbnailer(self) -> "Thumbnailer":
        from ngw2f.links.preview.thumbnail import Thumbnailer

        return Thumbnailer()

    @cached_property
    def preview_fetcher(self) -> "PreviewFetcher":
        """Get it before there are threads: two would build one each."""
        from ngw2f.links.visit import PreviewFetcher, build_fetcher

        return PreviewFetcher(build_fetcher(self._settings), self.thumbnailer, self._note)

    def close(self) -> None:
        if "preview_fetcher" in vars(self):
            self.preview_fetcher.close()
