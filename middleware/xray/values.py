"""Decide what of a request is recorded: bounded in size, and without secrets.

A secret is recorded as `HIDDEN`: that it was there, and nothing of it. Bodies are not recorded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote

from middleware._wsgi import Headers

Kind: TypeAlias = Literal["secret", "address", "cookies", "plain"]
Fields: TypeAlias = tuple[tuple[str, str], ...]
# A name of environ, its value, and what is recorded of that.
Entry: TypeAlias = tuple[str, object, str]

HIDDEN = "[hidden]"
# Types whose values, often the very same in each request, hold nothing else alive.
CONSTANTS = frozenset({bool, int, float, tuple, type(None)})
MAX_VALUE_CHARACTERS = 300
# Of an attribute of a cookie.
MAX_ATTRIBUTE_CHARACTERS = 40
MAX_FIELDS = 100
MAX_PLAIN_FIELDS = 1000

SECRET_NAME = re.compile(
    r"authori[sz]ation|authentication.info|cookie|passw|passphrase|secret|token|ticket"
    r"|(api|access|private|signing|xray).?key|credential|csrf|xsrf|session|signature|websocket.protocol"
    r"|x[_-]ray"
    r"|(?<![a-z])(auth|pass|pwd|otp|pin|sid|sig|jwt)(?![a-z])",
    re.IGNORECASE,
)
ADDRESS_NAME = re.compile(
    r"query_string|path_info|script_name|path_translated|request_line"
    # Content-Security-Policy has a "uri" in it.
    r"|(?<![a-z])(uri|url|referer|location|link|refresh)(?![a-z])",
    re.IGNORECASE,
)
# Names of parameters that are secret in addresses only: elsewhere a code may be one of errors.
SECRET_PARAMETER = re.compile(
    r"code|state|nonce|key|hmac|proof|magic|magic.?link|invite|invitation|reset|unlock|verifier"
    r"|(auth|access|device|user|reset|invite|login|security|backup|recovery|oob|one.?time)[_-]?code"
    r"|confirm(ation)?([_-]?code)?|verif(y|ication)([_-]?code)?|code[_-]?(verifier|challenge)"
    r"|saml\w*|relay.?state|(client.?)?assertion",
    re.IGNORECASE,
)
# What precedes a value in a query, also in one within another, in JSON, and in a sentence. Where
# there are blanks around the sign, it may be SQL, whose placeholders say nothing.
ASSIGNED = re.compile(
    r"""(?<![\w.-])((?:[\w.-]|%(?!3[Dd])){1,100})(?:["']?(?:=|:\s?)|%3[Dd]|\s=\s(?![?$%:]))"""
)
PARAMETER = re.compile(r"""[^\s&;,#"'<>]+""")
# In a sentence it may have several words; it ends where something else is assigned.
VALUE = re.compile(
    r"""[bru]{0,2}(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)"""
    r"""|(?:(?![,;}\s]{1,3}["']?[\w.-]{1,80}["']?\s?[=:])[^&"'<>\n])+""",
    re.DOTALL,
)
# What is quoted behind the word for a secret, and what has a digit there.
SPOKEN = re.compile(
    r"""\b((?:passw|passphrase|secret|token|credential|api.?key)[\w-]*\s+)"""
    r"""(?:([^'"=:\n]{0,24})(?:"[^"]*"|'[^']*')|((?:[A-Za-z]+\s+){0,2})(?=\S*\d)[^\s\[]+)""",
    re.IGNORECASE,
)
# What is said in so many words, unless it says what was wrong with it.
SAID = re.compile(
    r"\b((?:passw|passphrase|secret)\w*\s+(?:is|was|are|were)\s+)(?!(?:not?|too|required|missing"
    r"|empty|invalid|wrong|incorrect|expired|needed|in|an?|the|set|weak|short|long|ok)\b)[^\n]+",
    re.IGNORECASE,
)
# What follows these in a path is for one person.
SECRET_SEGMENT = re.compile(
    r"(/(?:(?:password|email|account)[_-])?(?:reset|verify|verification|confirm|confirmation|invite"
    r"|invitation|activate|activation|unsubscribe|unlock|magic|magic-link|token|password)"
    r"(?:[_-](?:password|email|account))?/)[^/?#\s]+",
    re.IGNORECASE,
)
# The user's part of an address.
USER_INFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")
# Without these, a short text has nothing to hide: assignments, addresses, several words.
NOT_PLAIN = re.compile(r"[=:\s@]")
# 15 random bytes in base64: fewer can be guessed.
SHORTEST_TOKEN = 20
# Too long for a name, with digits or capitals: perhaps a token in a path, or in a sentence.
TOKEN_LIKE = re.compile(
    r"(?<![\w-])(?=[\w-]*[\dA-Z])(?=[\w-]*[A-Za-z])[\w-]{20,}(?![\w-])", re.ASCII
)
DIGIT = re.compile(r"[0-9]")
# Of names without digits, the words are longer on average.
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
SHORTEST_WORDS = 4
WEB_TOKEN = re.compile(r"eyJ[\w-]+\.[\w.-]+")
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
CREDENTIALS = re.compile(r"(?<![\w.])(bearer|basic|digest)\s+\S+", re.IGNORECASE)
# What no line of a header may contain: control characters, and what is not latin-1.
UNSENDABLE = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
COOKIE_ATTRIBUTES = frozenset(
    {"path", "domain", "expires", "max-age", "secure", "httponly", "samesite", "partitioned"}
)
# Where a text was cut.
CUT = "… "
# What stands in for further cookies, joined to one in a single line.
JOINED = ", …"


@lru_cache(2048)
def kind_of(name: str) -> Kind:
    """Say how the value under this name, of environ or of a field, is recorded."""
    if name.lower() == "set-cookie":
        return "cookies"
    if SECRET_NAME.search(name):
        return "secret"
    return "address" if ADDRESS_NAME.search(name) else "plain"


def kept_value(name: str, value: object) -> str:
    """Return what is recorded of a value of environ or of a field."""
    if type(value) is str:
        kind = kind_of(name)
        if kind == "plain":
            if "?" in value or "://" in value:
                value = scrub(value)
            # JSON Web Tokens travel under many names (RFC 7519): each begins with '{"' in base64.
            if "eyJ" in value:
                value = WEB_TOKEN.sub(HIDDEN, value)
            return value if len(value) <= MAX_VALUE_CHARACTERS else cut(value)
        if kind == "secret":
            return HIDDEN if value else ""
        if kind == "cookies":
            return cut(kept_cookie(value))
        # A query alone has no sign before its first parameter.
        return cut(scrub(f"?{value}")[1:] if name.upper() == "QUERY_STRING" else scrub(value))
    if kind_of(name) == "secret":
        return HIDDEN
    if value is None or type(value) in (bool, int, float):
        return repr(value)
    if type(value) is tuple and all(type(part) is int for part in value):
        return cut(repr(value))
    return kept_object(name, type(value).__name__)


class PlainEntries:
    """Keeps what may be recorded of environ; most entries are the same in each request.

    What it remembers is what was recorded whole: no secret.
    """

    def __init__(self) -> None:
        self._known: dict[str, Entry] = {}

    def kept(self, environ: Mapping[Any, object]) -> dict[str, str]:
        """Return what is recorded of environ."""
        known = self._known
        kept = {}
        for name, value in environ.items():
            entry = known.get(name)
            kind = type(value)
            if entry is not None and (entry[1] is value or (kind is str and entry[1] == value)):
                # The texts of the request itself are not held.
                kept[entry[0]] = entry[2]
            elif kind is str or kind in CONSTANTS:
                text = kept_value(str(name), value)
                # Not what is hidden, nor tuples of anything else than numbers.
                is_plain = text == value if kind is str else text[0] not in "[<"
                if is_plain and type(name) is str:
                    self.learn(name, value, text)
                kept[str(name)] = text
            else:
                kept[str(name)] = kept_object(str(name), kind.__name__)
        return kept

    def learn(self, name: str, value: object, text: str) -> None:
        if len(self._known) > MAX_PLAIN_FIELDS:
            # A client may name its fields as it likes.
            self._known.clear()
        self._known[name] = name, value, text


@lru_cache(512)
def kept_object(name: str, kind: str) -> str:
    """Return what is recorded of an object of this type: its text may hold anything."""
    return HIDDEN if kind_of(name) == "secret" else f"<{kind}>"


def kept_fields(headers: object) -> Fields:
    """Return what is recorded of a header list; as much of it as is one."""
    if not isinstance(headers, list | tuple):
        return ()
    return tuple(
        [
            (pair[0], kept_value(pair[0], pair[1]))
            for pair in headers[:MAX_FIELDS]
            if type(pair) is tuple and len(pair) == 2 and type(pair[0]) is str
        ]
    )


class PlainFields:
    """Lines of headers of which all may be recorded: most are the same again and again."""

    def __init__(self) -> None:
        self._known: set[tuple[str, str]] = set()

    def has(self, headers: Any) -> bool:
        """Say whether it is a list of such lines only."""
        try:
            return (
                type(headers) is list
                and len(headers) <= MAX_FIELDS
                and self._known.issuperset(headers)
            )
        except TypeError:
            # A line that is not a pair.
            return False

    def learn(self, headers: Headers, kept: Fields) -> None:
        """Remember those lines of a list of which all was kept, and that can be sent."""
        if len(self._known) > MAX_PLAIN_FIELDS:
            # Some differ in each response, such as an id.
            self._known = set()
        for line, known in zip(headers, kept, strict=False):
            if line == known and not UNSENDABLE.search("".join(line)):
                self._known.add(known)


def kept_cookie(line: str) -> str:
    """Return a cookie's name and its attributes; what may be a value is hidden."""
    pair, *attributes = line.split(";")
    kept = [f"{pair.partition('=')[0].strip()}={HIDDEN}"]
    joined = "," in pair
    for attribute in attributes:
        name, sign, value = attribute.strip().partition("=")
        # A comma stands in dates only, once.
        is_date = name.lower() == "expires"
        value, comma, _ = value.partition("," if not is_date else "=")
        joined = joined or bool(comma)
        if name.lower() in COOKIE_ATTRIBUTES:
            kept.append(f"{name}{sign}{value[:MAX_ATTRIBUTE_CHARACTERS]}")
    return "; ".join(kept) + (JOINED if joined else "")


def kept_status(status: object) -> str:
    """Return what is recorded of a status line."""
    if type(status) is str and len(status) <= MAX_VALUE_CHARACTERS:
        return status
    return cut(status) if type(status) is str else kept_text(status)


def kept_text(value: object) -> str:
    """Return what is recorded of a sentence, such as the text of an error."""
    try:
        return cut(scrub(str(value)))
    except Exception as error:
        return f"<no text: {type(error).__name__}>"


def scrub(text: str) -> str:
    """Hide what looks like a secret in an address or a sentence."""
    if len(text) < SHORTEST_TOKEN and not NOT_PLAIN.search(text):
        return SECRET_SEGMENT.sub(rf"\1{HIDDEN}", text) if "/" in text else text
    text = text[: 4 * MAX_VALUE_CHARACTERS]
    text = USER_INFO.sub(HIDDEN, text)
    text = CREDENTIALS.sub(rf"\1 {HIDDEN}", text)
    text = SAID.sub(rf"\1{HIDDEN}", without_secret_values(text))
    text = SPOKEN.sub(hidden_word, text)
    return TOKEN_LIKE.sub(hidden_token, SECRET_SEGMENT.sub(rf"\1{HIDDEN}", text))


def without_secret_values(text: str) -> str:
    """Hide what is assigned to names of secrets."""
    kept, place = [], 0
    for found in ASSIGNED.finditer(text):
        if found.start() < place:
            continue
        # A parameter of an address, which may be within another one.
        before = text[found.start() - 1 : found.start()]
        *outer, name = re.split(r"[?&#]", unquote(found[1]))
        is_parameter = bool(outer) or before in {"?", "&", "#"}
        if SECRET_NAME.search(name) or (is_parameter and SECRET_PARAMETER.fullmatch(name)):
            value = (PARAMETER if is_parameter else VALUE).match(text, found.end())
            if value:
                kept += [text[place : found.end()], HIDDEN]
                place = value.end()
    return "".join([*kept, text[place:]])


def hidden_word(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2] or found[3] or ''}{HIDDEN}"


def hidden_token(found: re.Match[str]) -> str:
    text = found[0]
    if DIGIT.search(text):
        return text if UUID.fullmatch(text) else HIDDEN
    words = WORD.findall(text)
    return HIDDEN if sum(map(len, words)) < SHORTEST_WORDS * len(words) else text


def cut(text: str) -> str:
    """Cut a text to what is kept of it, and say how long it was."""
    if len(text) <= MAX_VALUE_CHARACTERS:
        return text
    return f"{text[:MAX_VALUE_CHARACTERS]}{CUT}({len(text)} characters)"


def is_cut(text: str) -> bool:
    """Say whether something of what was recorded was cut; no line that can be sent looks so."""
    return CUT in text
