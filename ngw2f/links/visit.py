"""Visit a link: get its page or the provider's oEmbed answer, and a thumbnail."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit

from ngw2f.links.guard.errors import LinkError, LinkFailed, LinkRefused
from ngw2f.links.guard.fetch import USER_AGENT, Fetched, Fetcher, Terms, Trace, ignore
from ngw2f.links.guard.media import IMAGE_TYPES, IMAGES, LINKS, OEMBED, OPAQUE_TYPE
from ngw2f.links.one_thread import Note, OneThread
from ngw2f.links.one_thread import ignore as note_nothing
from ngw2f.links.outcome import Patience, Visit
from ngw2f.links.preview.oembed import find_oembed_url, read_oembed
from ngw2f.links.preview.page import Preview, make_preview
from ngw2f.links.preview.thumbnail import Thumbnail, Thumbnailer
from ngw2f.links.settings import build_policy
from ngw2f.settings import Settings
from ngw2f.store.previews import Content

# How many large bodies are held at a time, so that a worker stays under 200 MB: pages of up to
# a megabyte and images of two. A body that waits for room holds little, and is cut after
# ROOM_SECONDS, because then slow sites have the room, and nobody should wait for them.
MAX_PAGES = 24
MAX_IMAGES = 8
ROOM_SECONDS = 1.0
# Smaller images are tracking pixels or spacers; a favicon is large enough.
MIN_SIDE = 8
# A preview waits no longer for its picture, which is optional: this part of a link's time.
IMAGE_SHARE = 0.4

log = logging.getLogger(__name__)


def build_fetcher(settings: Settings) -> Fetcher:
    """Return a process's one fetcher, which all threads may share. Raises SettingError."""
    user_agent = settings.links_user_agent or USER_AGENT
    return Fetcher(
        build_policy(settings),
        user_agent=user_agent,
        timeout_seconds=settings.links_timeout_seconds,
    )


class PreviewFetcher:
    """Visits links from many threads; build one per process."""

    def __init__(
        self, fetcher: Fetcher, thumbnailer: Thumbnailer, note: Note = note_nothing
    ) -> None:
        """*note* is called with the link being parsed or decoded, which may crash the process."""
        self._fetcher = fetcher
        self._seconds = fetcher.timeout_seconds
        self._image_seconds = IMAGE_SHARE * fetcher.timeout_seconds
        self._thumbnailer = thumbnailer
        self._pages = threading.BoundedSemaphore(MAX_PAGES)
        self._images = threading.BoundedSemaphore(MAX_IMAGES)
        self._one_thread = OneThread(note)

    def close(self) -> None:
        self._one_thread.close()

    def visit(
        self, url: str, patience: Patience | None = None, trace: Trace = ignore, number: int = 0
    ) -> Visit:
        """Visit a link. Never raises: a failure is a result too, and is logged.

        Without *patience* the site has the fetcher's time. *number* identifies the link in notes.
        """
        patience = patience or Patience(self._seconds, self._seconds)
        try:
            return self._visit(url, _Clock(patience, number), trace)
        except LinkRefused as error:
            log.info("link refused: %s (%s)", error, _site(url))
            return Visit(Content(), error=_without_frames(error))
        except LinkFailed as error:
            log.info("link failed: %s (%s)", error, _site(url))
            return Visit(Content(), error=_without_frames(error))
        except Exception:
            # A bug triggered by a page costs its own preview, not the job.
            log.exception("making a preview failed (%s)", _site(url))
            return Visit(Content(), error=LinkFailed("mistake", "the preview cannot be made"))

    def _visit(self, url: str, clock: "_Clock", trace: Trace) -> Visit:
        preview, lifetime_seconds = self._ask_provider(url, clock, trace) or (None, 0)
        thumbnail = None
        if preview is None:
            with self._terms(clock, self._seconds) as terms:
                fetched = self._fetcher.fetch(url, LINKS, trace, terms)
                preview, lifetime_seconds = self._read(fetched, clock), fetched.lifetime_seconds
                if fetched.media_type in IMAGE_TYPES:
                    thumbnail = self._shrink(fetched, clock)
        if thumbnail is None:
            thumbnail = self._get_thumbnail(
                preview.image_urls, clock.for_images(self._image_seconds), trace
            )
        return Visit(_content(preview, thumbnail), lifetime_seconds)

    def _ask_provider(self, url: str, clock: "_Clock", trace: Trace) -> tuple[Preview, int] | None:
        """Return the provider's oEmbed preview; None if the page itself must be used."""
        oembed_url = find_oembed_url(url)
        if oembed_url is None:
            return None
        try:
            with self._terms(clock, self._image_seconds) as terms:
                fetched = self._fetcher.fetch(oembed_url, OEMBED, trace, terms)
                preview = read_oembed(url, fetched)
        except (LinkRefused, LinkFailed) as error:
            log.info("no oEmbed: %s (%s)", error, _site(oembed_url))
            return None
        return (preview, fetched.lifetime_seconds) if preview.is_worth_showing else None

    def _read(self, fetched: Fetched, clock: "_Clock") -> Preview:
        read = partial(make_preview, fetched)
        return self._one_thread.run(read, 0, clock.left(self._seconds), clock.number)

    def _shrink(self, fetched: Fetched, clock: "_Clock") -> Thumbnail:
        count = partial(self._thumbnailer.count_pixels, fetched.body)
        pixels = self._one_thread.run(count, 0, clock.left(self._image_seconds), clock.number)
        make = partial(self._thumbnailer.make, fetched.body)
        return self._one_thread.run(make, pixels, clock.left(self._image_seconds), clock.number)

    def _get_thumbnail(
        self, image_urls: Sequence[str], clock: "_Clock", trace: Trace
    ) -> Thumbnail | None:
        """Return the thumbnail of the first usable image, None if there is none in time."""
        for image_url in image_urls:
            try:
                with self._terms(clock, self._seconds) as terms:
                    fetched = self._fetcher.fetch(image_url, IMAGES, trace, terms)
                    thumbnail = self._shrink(fetched, clock)
                if min(thumbnail.width, thumbnail.height) >= MIN_SIDE:
                    return thumbnail
                log.info("no thumbnail: the image is too small (%s)", _site(image_url))
            except (LinkRefused, LinkFailed) as error:
                log.info("no thumbnail: %s (%s)", error, _site(image_url))
        return None

    @contextmanager
    def _terms(self, clock: "_Clock", seconds: float) -> Iterator[Terms]:
        """Yield the limits of a fetch, and release its body's room afterwards."""
        held: list[threading.Semaphore] = []
        try:
            yield Terms(
                clock.left(seconds), clock.patience.answer_seconds, partial(self._has_room, held)
            )
        finally:
            for room in held:
                room.release()

    def _has_room(self, held: list[threading.Semaphore], media_type: str) -> bool:
        is_picture = media_type in IMAGE_TYPES or media_type == OPAQUE_TYPE
        room = self._images if is_picture else self._pages
        if not room.acquire(timeout=ROOM_SECONDS):
            return False
        held.append(room)
        return True


class _Clock:
    """The remaining time for a link, including page and picture."""

    def __init__(self, patience: Patience, number: int) -> None:
        self.patience = patience
        self.number = number
        self._end = time.monotonic() + patience.seconds

    def for_images(self, seconds: float) -> "_Clock":
        """Return a clock for all the pictures of a page together."""
        seconds = self.left(seconds)
        return _Clock(Patience(self.patience.answer_seconds, seconds), self.number)

    def left(self, seconds: float) -> float:
        return min(seconds, round(self._end - time.monotonic(), 1))


def _site(url: str) -> str:
    """Return a URL's host and port for the log; its path may contain a secret."""
    return urlsplit(url).netloc


def _without_frames(error: LinkError) -> LinkError:
    """Drop the traceback, which would keep everything that was read alive."""
    error.__cause__ = error.__context__ = error.__traceback__ = None
    return error


def _content(preview: Preview, thumbnail: Thumbnail | None) -> Content:
    picture = () if thumbnail is None else (
        thumbnail.body, thumbnail.media_type, thumbnail.width, thumbnail.height
    )  # fmt: skip
    return Content(preview.title, preview.description, preview.site_name, *picture)
