"""Pages and plain texts, made by Jinja2 from `ngw2f/templates/`."""

import re
import time
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from gettext import NullTranslations

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from ngw2f.api_resources import MAX_COUNTED, File
from ngw2f.http import Form, Request, Response, add_vary
from ngw2f.sentences import Sentence, translatable
from ngw2f.text.languages import LANGUAGES, load_catalogue, translate
from ngw2f.text.user_agents import describe_browser
from ngw2f.web.constant_words import ConstantWords
from ngw2f.web.static_files import StaticFiles

# As ngw2f/text/code_blocks.py and the sanitizer write it; nobody writes such HTML in a message.
CODE = re.compile(r'<div class="highlight">(<pre><code class="language-([\w+#.-]+)">)')

# The forms of a page; programs use the API.
PAGE_FORMS: tuple[Form, ...] = ("text", "html")

# The largest that an uploaded picture is shown, in CSS pixels.
PICTURE_BOX = (480, 320)

# Messages of a page are of few minutes, and shown again and again.
MAX_MINUTES = 256
MONTHS = translatable("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec")
ONE_AND_A_HALF = translatable("1.5")
DAY_AND_TIME = translatable("%(month)s %(day)02d, %(time)s")
DATE = translatable("%(month)s %(day)d")


class Templates:
    """The templates; each is compiled when it is first used, once for each language."""

    def __init__(self) -> None:
        self._static = StaticFiles()
        # By language; one is there from its first reader on.
        self._environments: dict[str, Environment] = {}

    def page(
        self, request: Request, name: str, values: Mapping[str, object], status: int = 200
    ) -> Response:
        """Render the template *name*: a page if it ends in .html, else plain text.

        A page is in the language of its reader; plain text, which programs read, in English.
        """
        is_page = name.endswith(".html")
        language = request.language if is_page else LANGUAGES[0]
        content = self.environment(language).get_template(name).render(values)
        response = Response(content, status, mimetype="text/html" if is_page else "text/plain")
        response.headers["Content-Language"] = language
        add_vary(response, ["Accept-Language"])
        return response

    def fragment(self, name: str, language: str) -> Callable[..., str]:
        """Return a function that renders a part of a page."""
        return self.environment(language).get_template(name).render

    def translate(self, language: str, text: str | Sentence) -> str:
        """Return a text in a language, as it is if the catalogue does not have it."""
        catalogue = self.environment(language).catalogue  # type: ignore[attr-defined]  # Set by `extend`.
        return translate(catalogue, text)

    def environment(self, language: str) -> Environment:
        """Return what compiles and keeps the templates in a language."""
        known = self._environments.get(language)
        if known is None:
            known = self._environments[language] = _environment(language, self._static)
        return known


def _environment(language: str, static: StaticFiles) -> Environment:
    catalogue = load_catalogue(language)
    environment = Environment(
        loader=PackageLoader("ngw2f"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=[ConstantWords],
        # The files of a new release do not fit the code that runs; and a page asks 100 times.
        auto_reload=False,
    )
    environment.extend(catalogue=catalogue)
    environment.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]  # The extension's.
    environment.filters["clock"] = _clock_of(catalogue)
    environment.filters["day"] = _day
    environment.filters["date"] = partial(_date, catalogue)
    environment.filters["iso"] = _iso
    environment.filters["with_languages"] = _with_languages
    environment.filters["count"] = _count
    environment.filters["shown"] = _shown
    environment.filters["bytes"] = partial(_bytes, catalogue)
    environment.filters["browser"] = partial(_browser, catalogue)
    environment.filters["decimal"] = partial(_decimal, catalogue)
    environment.filters["translated"] = partial(translate, catalogue)
    environment.filters["sentence"] = partial(_sentence, catalogue)
    # A template that includes others pays for each global, once for each message of a page.
    needed = {name: environment.globals[name] for name in ("gettext", "ngettext")}
    environment.globals.clear()
    environment.globals.update(needed, language=language, static=static)
    return environment


def _sentence(catalogue: NullTranslations, text: str | Sentence) -> str:
    """Return the reason of an error as a sentence."""
    said = translate(catalogue, text)
    return said[0].upper() + said[1:] + ("" if said.endswith((".", "!", "?")) else ".")


def _browser(catalogue: NullTranslations, user_agent: str) -> str:
    described = describe_browser(user_agent)
    # What is not a sentence is the name that a program gives itself.
    return described if isinstance(described, str) else translate(catalogue, described)


def _decimal(catalogue: NullTranslations, number: str) -> str:
    """Return a number, or a measure, as it is written in the language."""
    return number.replace(".", catalogue.gettext(ONE_AND_A_HALF)[1])


def _count(number: int) -> str:
    """Return a number of unread messages, which are not counted further than some."""
    return str(number) if number < MAX_COUNTED else f"{MAX_COUNTED - 1}+"


def _with_languages(html: str) -> str:
    """Return a message's HTML with the language of each code block where the sheet can show it."""
    return CODE.sub(r'<div class="highlight" data-language="\2">\1', html)


def _shown(file: File) -> tuple[int, int]:
    """Return the size of a file's picture on a page, which has fewer pixels than dense screens.

    The longer side follows from the shorter one, as in a browser that has loaded the picture: so
    nothing moves by more than half a pixel then.
    """
    width, height = file.image_width, file.image_height
    scale = min(1.0, PICTURE_BOX[0] / width, PICTURE_BOX[1] / height)
    if scale == 1:
        return width, height
    if width < height:
        width = max(1, int(width * scale))
        return width, round(width * file.image_height / file.image_width)
    height = max(1, int(height * scale))
    return round(height * file.image_width / file.image_height), height


def _bytes(catalogue: NullTranslations, size: int) -> str:
    """Return a file's size in the unit that people know."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= 10 * factor:
            return f"{size // factor} {unit}"
        if size >= factor:
            return _decimal(catalogue, f"{size / factor:.1f} {unit}")
    return f"{size} B"


def _clock_of(catalogue: NullTranslations) -> Callable[[float], str]:
    """Return what says the day and the minute, UTC."""
    months = catalogue.gettext(MONTHS).split()
    form = catalogue.gettext(DAY_AND_TIME)

    @lru_cache(MAX_MINUTES)
    def clock(minutes: float) -> str:
        _, month, day, hour, minute, *_ = time.gmtime(minutes * 60)
        at = {"month": months[month - 1], "day": day, "time": f"{hour:02}:{minute:02}"}
        return form % at

    return lambda seconds: clock(seconds // 60)


def _day(seconds: float) -> int:
    """Return the number of the day, UTC, to compare it with another."""
    return int(seconds // 86400)


def _date(catalogue: NullTranslations, seconds: float) -> str:
    """Return the day, UTC, as people write it."""
    _, month, day, *_ = time.gmtime(seconds)
    months = catalogue.gettext(MONTHS).split()
    return catalogue.gettext(DATE) % {"month": months[month - 1], "day": day}


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
