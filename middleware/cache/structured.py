"""Parse and write structured field values (RFC 9651), as far as a cache meets them.

Lists are for `Cache-Groups` (RFC 9875), dictionaries for the targeted cache
control fields (RFC 9213), and the writer is for `Cache-Status` (RFC 9211). Every
type of RFC 9651 is parsed, because an unknown directive may have any of them. On
`StructuredFieldError`, the caller ignores the whole field (RFC 9651 section 4.2).
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


class StructuredFieldError(ValueError):
    """The field value is not a structured field of the expected type."""


class Token(str):
    """A bare word: a type of its own, different from a quoted string."""

    __slots__ = ()


class Date(int):
    """A time, in seconds since 1970."""

    __slots__ = ()


class DisplayString(str):
    """A Unicode string, sent percent-encoded."""

    __slots__ = ()


BareItem = int | Decimal | str | bytes | bool
Parameters = dict[str, BareItem]


@dataclass(frozen=True, slots=True)
class Item:
    """A value with its parameters."""

    value: BareItem
    parameters: Parameters = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InnerList:
    """A parenthesised list of items with its parameters."""

    items: tuple[Item, ...]
    parameters: Parameters = field(default_factory=dict)


Member = Item | InnerList

_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*")
_TOKEN = re.compile(r"[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*")
_NUMBER = re.compile(r"-?(?:\d{1,12}\.\d{1,3}(?!\d|\.)|\d{1,15}(?!\d|\.))", re.ASCII)
_STRING = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BYTES = re.compile(r":([A-Za-z0-9+/]*={0,2}):")
_DATE = re.compile(r"@(-?\d{1,15})(?!\d|\.)", re.ASCII)
_DISPLAY = re.compile(r'%"((?:[ !#$&-~]|%[0-9a-f]{2})*)"')
_SPACES = re.compile(r" *")
_OWS = re.compile(r"[ \t]*")


def parse_list(text: str) -> list[Member]:
    """Parse a List; an empty value is an empty list."""
    reader = _Reader(text)
    members: list[Member] = []
    while not reader.at_end():
        members.append(reader.member())
        reader.next_member()
    return members


def parse_dictionary(text: str) -> dict[str, Member]:
    """Parse a Dictionary; if a key is repeated, the last value counts."""
    reader = _Reader(text)
    members: dict[str, Member] = {}
    while not reader.at_end():
        key = reader.key()
        member = reader.member() if reader.take("=") else Item(True, reader.parameters())
        members[key] = member
        reader.next_member()
    return members


def parse_item(text: str) -> Item:
    """Parse a single Item."""
    reader = _Reader(text)
    item = reader.item()
    reader.finish()
    return item


def serialize_string(text: str) -> str:
    """Write a String; raise `StructuredFieldError` for anything that is not printable ASCII."""
    if not text.isascii() or not text.isprintable():
        raise StructuredFieldError(f"not printable ASCII: {text!r}")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def serialize_token_or_string(text: str) -> str:
    """Write a Token if the text can be one, else a String."""
    return text if _TOKEN.fullmatch(text) else serialize_string(text)


class _Reader:
    """A cursor over the text, with one method for each grammar rule."""

    def __init__(self, text: str) -> None:
        self.text = text.strip(" ")
        self.position = 0

    def at_end(self) -> bool:
        return self.position == len(self.text)

    def finish(self) -> None:
        if not self.at_end():
            raise self.error("end")

    def error(self, expected: str) -> StructuredFieldError:
        return StructuredFieldError(f"no {expected} at {self.position} in {self.text!r}")

    def take(self, literal: str) -> bool:
        found = self.text.startswith(literal, self.position)
        if found:
            self.position += len(literal)
        return found

    def match(self, pattern: re.Pattern[str], expected: str) -> re.Match[str]:
        found = pattern.match(self.text, self.position)
        if not found:
            raise self.error(expected)
        self.position = found.end()
        return found

    def next_member(self) -> None:
        """Skip the comma before the next member, which must exist; or stop at the end."""
        self.match(_OWS, "space")
        if self.at_end():
            return
        if not self.take(","):
            raise self.error("comma")
        self.match(_OWS, "space")
        if self.at_end():
            raise self.error("member after the comma")

    def key(self) -> str:
        return self.match(_KEY, "key").group()

    def member(self) -> Member:
        return self.inner_list() if self.take("(") else self.item()

    def inner_list(self) -> InnerList:
        items: list[Item] = []
        while True:
            self.match(_SPACES, "space")
            if self.take(")"):
                return InnerList(tuple(items), self.parameters())
            items.append(self.item())
            if not self.text.startswith((" ", ")"), self.position):
                raise self.error("space or parenthesis")

    def item(self) -> Item:
        return Item(self.bare_item(), self.parameters())

    def parameters(self) -> Parameters:
        parameters: Parameters = {}
        while self.take(";"):
            self.match(_SPACES, "space")
            key = self.key()
            parameters[key] = self.bare_item() if self.take("=") else True
        return parameters

    def bare_item(self) -> BareItem:
        first = self.text[self.position : self.position + 1]
        read = _BARE_ITEMS.get(first)
        if read is None:
            read = _number if first == "-" or first.isdigit() else _token
        return read(self)


def _number(reader: _Reader) -> BareItem:
    text = reader.match(_NUMBER, "number").group()
    return Decimal(text) if "." in text else int(text)


def _token(reader: _Reader) -> BareItem:
    return Token(reader.match(_TOKEN, "item").group())


def _string(reader: _Reader) -> BareItem:
    return re.sub(r"\\(.)", r"\1", reader.match(_STRING, "string")[1])


def _boolean(reader: _Reader) -> BareItem:
    return reader.match(_BOOLEAN, "boolean")[1] == "1"


def _bytes(reader: _Reader) -> BareItem:
    encoded = reader.match(_BYTES, "byte sequence")[1]
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    except binascii.Error as error:
        raise reader.error("base64") from error


def _date(reader: _Reader) -> BareItem:
    return Date(reader.match(_DATE, "date")[1])


def _display_string(reader: _Reader) -> BareItem:
    encoded = reader.match(_DISPLAY, "display string")[1]
    octets = re.sub(r"%(..)", lambda hexadecimal: chr(int(hexadecimal[1], 16)), encoded)
    try:
        return DisplayString(octets.encode("latin-1").decode())
    except UnicodeDecodeError as error:
        raise reader.error("UTF-8") from error


_BOOLEAN = re.compile(r"\?([01])")
_BARE_ITEMS: dict[str, Any] = {
    '"': _string,
    "?": _boolean,
    ":": _bytes,
    "@": _date,
    "%": _display_string,
}
