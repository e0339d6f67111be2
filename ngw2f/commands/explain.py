"""`ngw2f explain-link URL`: print each check of a link in order, and its outcome."""

from collections.abc import Iterator

from ngw2f.links.guard.errors import LinkFailed, LinkRefused
from ngw2f.links.guard.fetch import Fetched, Fetcher
from ngw2f.links.guard.media import LINKS
from ngw2f.links.preview.oembed import find_oembed_url
from ngw2f.links.preview.page import make_preview


def explain_link(fetcher: Fetcher, url: str) -> tuple[bool, list[str]]:
    """Fetch a link as the worker does; return whether it has a preview, and the lines to print.

    The fetch itself reports each check that it passes, so the lines show what the worker does.
    They contain no control characters.
    """
    passed: list[tuple[str, str]] = []
    try:
        fetched = fetcher.fetch(url, LINKS, lambda check, found: passed.append((check, found)))
        verdict = list(_describe(fetched))
    except LinkRefused as error:
        verdict = [_line("refused", error.kind, error.reason)]
    except LinkFailed as error:
        verdict = [_line("failed", error.kind, error.reason)]
    lines = [_line("ok", check, found) for check, found in passed] + verdict
    return not lines[-1].startswith(("refused", "failed")), lines


def _describe(fetched: Fetched) -> Iterator[str]:
    preview = make_preview(fetched)
    provider = find_oembed_url(fetched.url)
    if provider is not None:
        yield _line("", "oembed", provider)
    yield _line("", "title", preview.title)
    yield _line("", "about", preview.description)
    yield _line("", "site", preview.site_name)
    for image_url in preview.image_urls or ("",):
        yield _line("", "image", image_url)
    yield _line("", "kept", f"{fetched.lifetime_seconds} s")


def _line(outcome: str, check: str, found: str) -> str:
    return f"{outcome:<8}{check:<10}{found}".rstrip()
