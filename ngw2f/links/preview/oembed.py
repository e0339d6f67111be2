"""oEmbed for a fixed list of providers, whose answers say more than their pages.

A page's own `<link type="application/json+oembed">` is not followed: it would let any page choose
the next fetch. Only texts and the picture of an answer are used, never its HTML.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import msgspec

from ngw2f.links.guard.errors import LinkFailed, LinkRefused
from ngw2f.links.guard.fetch import Fetched
from ngw2f.links.guard.target import Target, encode_blanks, parse_target
from ngw2f.links.preview.clean import clean_text
from ngw2f.links.preview.page import MAX_DESCRIPTION, MAX_SITE_NAME, MAX_TITLE, Preview


@dataclass(frozen=True, slots=True)
class Provider:
    """An endpoint and its links: hosts, and a pattern for the start of path and query."""

    name: str
    endpoint: str
    hosts: frozenset[str]
    path: re.Pattern[str]

    def speaks_for(self, target: Target) -> bool:
        return target.host in self.hosts and self.path.match(target.path) is not None


def _provider(name: str, endpoint: str, hosts: str, path: str) -> Provider:
    return Provider(name, endpoint, frozenset(hosts.split()), re.compile(path))


# Those in the registry at oembed.com whose endpoint returns JSON without a key.
PROVIDERS: Final = (
    _provider(
        "YouTube",
        "https://www.youtube.com/oembed",
        "youtube.com www.youtube.com m.youtube.com youtu.be",
        r"/(watch\?|shorts/|live/|playlist\?|[\w-]{11}(\?|$))",
    ),
    _provider(
        "Vimeo",
        "https://vimeo.com/api/oembed.json",
        "vimeo.com www.vimeo.com player.vimeo.com",
        r"/(\d+|video/\d+|channels/|groups/|album/|ondemand/|showcase/)",
    ),
    _provider(
        "Dailymotion",
        "https://www.dailymotion.com/services/oembed",
        "dailymotion.com www.dailymotion.com",
        r"/video/",
    ),
    _provider(
        "Flickr",
        "https://www.flickr.com/services/oembed/",
        "flickr.com www.flickr.com flic.kr",
        r"/(photos|p)/",
    ),
    _provider(
        "SoundCloud",
        "https://soundcloud.com/oembed",
        "soundcloud.com www.soundcloud.com on.soundcloud.com",
        r"/[^/?]+",
    ),
    _provider(
        "Spotify",
        "https://open.spotify.com/oembed",
        "open.spotify.com",
        r"/([\w-]+/)?(track|album|artist|playlist|episode|show)/",
    ),
    _provider(
        "TikTok",
        "https://www.tiktok.com/oembed",
        "tiktok.com www.tiktok.com",
        r"/@[^/]+/video/\d+",
    ),
    _provider(
        "Reddit",
        "https://www.reddit.com/oembed",
        "reddit.com www.reddit.com old.reddit.com",
        r"/r/\w+/comments/",
    ),
    _provider(
        "TED", "https://www.ted.com/services/v1/oembed.json", "ted.com www.ted.com", "/talks/"
    ),
)


class _Answer(msgspec.Struct):
    """The fields that are used (oEmbed 1.0 section 2.3.4); others are ignored."""

    title: str | None = None
    author_name: str | None = None
    provider_name: str | None = None
    description: str | None = None
    thumbnail_url: str | None = None


def find_oembed_url(url: str) -> str | None:
    """Return the oEmbed URL of a normalised URL, to be fetched as `media.OEMBED`, or `None`."""
    target = parse_target(url)
    for provider in PROVIDERS:
        if provider.speaks_for(target):
            return f"{provider.endpoint}?{urlencode({'url': url, 'format': 'json'})}"
    return None


def read_oembed(url: str, fetched: Fetched) -> Preview:
    """Build a link's preview from its provider's answer; raise `LinkFailed` of kind `oembed`."""
    try:
        answer = msgspec.json.decode(fetched.body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LinkFailed("oembed", "the provider's answer cannot be read") from error
    return Preview(
        url,
        title=clean_text(answer.title or "", MAX_TITLE),
        description=clean_text(answer.description or answer.author_name or "", MAX_DESCRIPTION),
        site_name=clean_text(answer.provider_name or "", MAX_SITE_NAME) or parse_target(url).host,
        image_urls=_normalise(answer.thumbnail_url or ""),
    )


def _normalise(url: str) -> tuple[str, ...]:
    try:
        return (parse_target(encode_blanks(url)).url,)
    except LinkRefused:
        return ()
