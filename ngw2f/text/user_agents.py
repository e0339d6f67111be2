"""What a client calls itself in User-Agent, in words that its user knows."""

import re

from ngw2f.sentences import Sentence

MAX_SHOWN = 40

# The first that fits: most browsers name the others, too.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("HeadlessChrome", "Chrome"),
    ("Chrome", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


def describe_browser(user_agent: str) -> str | Sentence:
    """Return browser and system, the name of a program, or "" if nothing is known."""
    if not user_agent.startswith("Mozilla/"):
        return user_agent.partition(" ")[0][:MAX_SHOWN]
    known = _first(BROWSERS, user_agent, r"\b{}/")
    browser = known or Sentence("A browser")
    system = _first(SYSTEMS, user_agent, r"\b{}\b")
    if not system:
        return browser
    return Sentence("%(browser)s on %(system)s", browser=browser, system=system)


def _first(names: tuple[tuple[str, str], ...], user_agent: str, pattern: str) -> str:
    return next((name for key, name in names if re.search(pattern.format(key), user_agent)), "")
