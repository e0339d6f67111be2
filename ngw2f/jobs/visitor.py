"""Visit a link: its page or what its provider says of it, and the picture, made small."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ngw2f.jobs.link_policy import build_policy
from ngw2f.settings import Settings
from ngw2f.store.previews import Content
from ngw2f.text.errors import LinkError, LinkFailed, LinkRefused
from ngw2f.text.fetch import TIMEOUT_SECONDS, USER_AGENT, Fetched, Fetcher
from ngw2f.text.media import IMAGE_TYPES, IMAGES, LINKS, OEMBED
from ngw2f.text.oembed import find_oembed_url, read_oembed
from ngw2f.text.preview import Preview, make_preview
from ngw2f.text.thumbnail import Thumbnail, Thumbnailer

# How many bodies are held at a time, so that a worker stays under 200 MB: pages of a
# megabyte and images of two. A site that has not answered yet holds none.
MAX_PAGES = 24
MAX_IMAGES = 8
# A page need not wait longer for its picture, which it can do without.
IMAGE_SECONDS = 4.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of a link: its content and how many seconds that is good, or why there is none."""

    content: Content
    lifetime_seconds: int = 0
    error: LinkError | None = None


def build_fetcher(settings: Settings) -> Fetcher:
    """Return the one fetcher of a process; all of its threads may use it. Raises SettingError."""
    user_agent = settings.links_user_agent or USER_AGENT
    return Fetcher(build_policy(settings), user_agent=user_agent)


class Visitor:
    """Visits links in many threads; make one for each process."""

    def __init__(self, fetcher: Fetcher, thumbnailer: Thumbnailer) -> None:
        self._fetcher = fetcher
        self._thumbnailer = thumbnailer
        self._pages = threading.BoundedSemaphore(MAX_PAGES)
        self._images = threading.BoundedSemaphore(MAX_IMAGES)
        # A page read as text is several times its size; one at a time is as quick.
        self._reading = threading.Lock()

    def visit(self, url: str) -> Visit:
        """Never raises: a link that cannot be fetched is a result, too, and the log has it."""
        try:
            return self._visit(url)
        except LinkRefused as error:
            log.info("link refused: %s (%s)", error, url)
            return Visit(Content(), error=error)
        except LinkFailed as error:
            log.info("link failed: %s (%s)", error, url)
            return Visit(Content(), error=error)
        except Exception:
            # A page that finds a mistake of ours costs its own preview, not the job.
            log.exception("a preview cannot be made (%s)", url)
            return Visit(Content(), error=LinkFailed("mistake", "the preview cannot be made"))

    def _visit(self, url: str) -> Visit:
        end = time.monotonic() + TIMEOUT_SECONDS
        preview, lifetime_seconds = self._ask_provider(url) or (None, 0)
        thumbnail = None
        if preview is None:
            with self._held() as trace:
                seconds = round(end - time.monotonic(), 1)
                fetched = self._fetcher.fetch(url, LINKS, trace, seconds)
                preview, lifetime_seconds = self._read(fetched), fetched.lifetime_seconds
                if fetched.media_type in IMAGE_TYPES:
                    thumbnail = self._thumbnailer.make(fetched.body)
        if preview.image_url and thumbnail is None:
            seconds = min(IMAGE_SECONDS, round(end - time.monotonic(), 1))
            thumbnail = self._get_thumbnail(preview.image_url, seconds)
        return Visit(_content(preview, thumbnail), lifetime_seconds)

    def _ask_provider(self, url: str) -> tuple[Preview, int] | None:
        """Return what the link's provider says by oEmbed; None: the page has to do."""
        oembed_url = find_oembed_url(url)
        if oembed_url is None:
            return None
        try:
            with self._held() as trace:
                fetched = self._fetcher.fetch(oembed_url, OEMBED, trace, IMAGE_SECONDS)
                preview = read_oembed(url, fetched)
        except (LinkRefused, LinkFailed) as error:
            log.info("no oEmbed: %s (%s)", error, oembed_url)
            return None
        return (preview, fetched.lifetime_seconds) if preview.is_worth_showing else None

    def _read(self, fetched: Fetched) -> Preview:
        with self._reading:
            return make_preview(fetched)

    def _get_thumbnail(self, image_url: str, seconds: float) -> Thumbnail | None:
        """Return the small picture of an image, None if there is none to be had in time."""
        try:
            with self._held() as trace:
                fetched = self._fetcher.fetch(image_url, IMAGES, trace, seconds)
                return self._thumbnailer.make(fetched.body)
        except (LinkRefused, LinkFailed) as error:
            log.info("no thumbnail: %s (%s)", error, image_url)
            return None

    @contextmanager
    def _held(self) -> Iterator["_Gate"]:
        """Give a trace that waits for room before the fetch reads a body; it is free at the end."""
        gate = _Gate(self._pages, self._images)
        try:
            yield gate
        finally:
            gate.leave()


class _Gate:
    """Waits, when a fetch tells that it has the type of a body and is about to read it."""

    def __init__(self, pages: threading.Semaphore, images: threading.Semaphore) -> None:
        self._pages = pages
        self._images = images
        self._held: threading.Semaphore | None = None

    def __call__(self, check: str, found: str) -> None:
        if check != "type":
            return
        room = self._images if found in IMAGE_TYPES else self._pages
        if not room.acquire(timeout=TIMEOUT_SECONDS):
            raise LinkFailed("timeout", "too much else is being read")
        self._held = room

    def leave(self) -> None:
        if self._held is not None:
            self._held.release()


def _content(preview: Preview, thumbnail: Thumbnail | None) -> Content:
    picture = () if thumbnail is None else (
        thumbnail.body, thumbnail.media_type, thumbnail.width, thumbnail.height
    )  # fmt: skip
    return Content(preview.title, preview.description, preview.site_name, *picture)
