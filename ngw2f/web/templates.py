"""Pages and plain texts, made by Jinja2 from `ngw2f/templates/`."""

import re
import time
from collections.abc import Callable, Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from ngw2f.api_resources import MAX_COUNTED
from ngw2f.http import Form, Response
from ngw2f.text.user_agents import describe_browser
from ngw2f.web.static_files import StaticFiles

# As ngw2f/text/code_blocks.py and the sanitizer write it; nobody writes such HTML in a message.
CODE = re.compile(r'<div class="highlight">(<pre><code class="language-([\w+#.-]+)">)')

# The forms of a page; programs use the API.
PAGE_FORMS: tuple[Form, ...] = ("text", "html")


class Templates:
    """The templates; each is compiled when it is first used."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("ngw2f"),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        self._environment.filters["clock"] = _clock
        self._environment.filters["day"] = _day
        self._environment.filters["iso"] = _iso
        self._environment.filters["with_languages"] = _with_languages
        self._environment.filters["count"] = _count
        self._environment.filters["bytes"] = _bytes
        self._environment.filters["browser"] = describe_browser
        self._environment.globals["static"] = StaticFiles()

    def page(self, name: str, values: Mapping[str, object], status: int = 200) -> Response:
        """Render the template *name*: a page if it ends in .html, else plain text."""
        content = self._environment.get_template(name).render(values)
        mimetype = "text/html" if name.endswith(".html") else "text/plain"
        return Response(content, status, mimetype=mimetype)

    def fragment(self, name: str) -> Callable[..., str]:
        """Return a function that renders a part of a page.

        It keeps using the template that was compiled, even if a new release replaces the file.
        """
        return self._environment.get_template(name).render


def _count(number: int) -> str:
    """Return a number of unread messages, which are not counted further than some."""
    return str(number) if number < MAX_COUNTED else f"{MAX_COUNTED - 1}+"


def _with_languages(html: str) -> str:
    """Return a message's HTML with the language of each code block where the sheet can show it."""
    return CODE.sub(r'<div class="highlight" data-language="\2">\1', html)


def _bytes(size: int) -> str:
    """Return a file's size in the unit that people know."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return (
                f"{size / factor:.1f} {unit}" if size < 10 * factor else f"{size // factor} {unit}"
            )
    return f"{size} B"


def _clock(seconds: float) -> str:
    """Return the day and the minute, UTC."""
    return time.strftime("%b %d, %H:%M", time.gmtime(seconds))


def _day(seconds: float) -> str:
    """Return the date in words, UTC."""
    return time.strftime("%A, %B %d", time.gmtime(seconds)).replace(" 0", " ")


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
