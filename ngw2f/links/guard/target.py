"""Parse a link once and strictly into the parts that a connection needs.

Two parsers that disagree about a URL's host let attackers bypass guards, so nothing after this
parses a URL again: the connection uses a `Target`'s parts. The grammar is RFC 3986's, narrowed.
What browsers repair (backslashes, tabs, `http:host`, `%2e` in a host, `0x7f.1`) is refused,
because attackers exploit differences between repairs.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote, urljoin

import idna

from ngw2f.links.guard.address import Address
from ngw2f.links.guard.errors import LinkRefused

MAX_URL_CHARACTERS: Final = 2048
MAX_NAME_CHARACTERS: Final = 253  # RFC 1035 section 2.3.4, without the root's dot.
DEFAULT_PORTS: Final = {"http": 80, "https": 443}

# RFC 3986 appendix B, with the "//" that both schemes require (RFC 9110 section 4.2).
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.DOTALL)
# Characters that do not belong in a URL: controls, space and backslash of ASCII; Latin-1's
# controls, the no-break space, and Unicode's spaces, line ends and direction marks. The two
# joiners (U+200C, U+200D) are allowed: they are part of Persian words and of emoji.
_FORBIDDEN = re.compile(
    "[\x00-\x20\x7f-\xa0\\\\\u061c\u1680\u180e\u2000-\u200b\u200e\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff"
    "\ufff9-\uffff\ud800-\udfff]"
)
# Underscores are not hostname characters (RFC 952), but names in use have them and resolve.
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_DOTTED_QUAD = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}")
_PORT = re.compile(r"[0-9]{1,5}")
# Unreserved and reserved characters and "%" (RFC 3986 section 2) stay as they are written.
_SAFE_IN_PATH = "!$&'()*+,;=:@/?~%-._[]"
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_LINE_ENDS = re.compile("[\t\r\n]")
# Editors leave these at the ends of pasted text: zero-width spaces, and byte order marks.
_UNSEEN = "\u200b\u200e\u200f\u2060\ufeff"
# Unicode's spaces (Zs), which occur in file names.
_BLANK = re.compile("[ \xa0\u1680\u2000-\u200a\u202f\u205f\u3000]")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a link leads: the server to connect to, and the path to request.

    `host` is an ASCII name in lower case without a final dot, or an address in canonical form,
    without brackets; `address` is that address, `None` for a name. `path` starts
    with a slash and holds the query, all percent-encoded.
    """

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None

    @property
    def authority(self) -> str:
        """The host, and the port unless it is the scheme's default (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if isinstance(self.address, IPv6Address) else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The normalised URL, equal for links that lead to the same request."""
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_target(url: str) -> Target:
    """Parse an absolute http or https URL; raise `LinkRefused` for anything else.

    This checks only the syntax. `Policy` decides where a link may lead.
    """
    scheme, authority, path = _split(url)
    if "@" in authority:
        raise LinkRefused("userinfo", "the link holds a user name or a password")
    host, port = _split_port(authority)
    address: Address | None
    if host.startswith("["):
        host, address = _parse_bracketed(host)
    else:
        host, address = _parse_host(host)
    port_number = DEFAULT_PORTS[scheme] if port is None else _parse_port(port)
    return Target(scheme, host, port_number, _encode_path(path), address)


def join_target(base: Target, location: str) -> Target:
    """Resolve a reference found at `base` (RFC 3986 section 5.2); raise `LinkRefused`."""
    location = encode_blanks(location)
    _check_characters(location)
    try:
        return parse_target(urljoin(base.url, location))
    except ValueError as error:  # urljoin checks brackets itself.
        raise LinkRefused("syntax", "the link that this one leads to is not valid") from error


def encode_blanks(reference: str) -> str:
    """Strip blanks around a reference and encode those within, as browsers do.

    Tabs and line ends are removed (WHATWG URL, "basic URL parser"), since templates wrap their
    output. The check comes later: a host with an encoded blank is refused.
    """
    reference = _LINE_ENDS.sub("", reference.strip().strip(_UNSEEN).strip())
    return _BLANK.sub(lambda blank: quote(blank.group()), reference)


def _split(url: str) -> tuple[str, str, str]:
    _check_characters(url)
    match = _URL.fullmatch(url)
    if match is None:
        raise LinkRefused("syntax", "the link is not an absolute URL")
    scheme, slashes, authority, path, query = match.groups(default="")
    if scheme.lower() not in DEFAULT_PORTS:
        raise LinkRefused("scheme", "only http and https links are fetched")
    if not slashes:
        raise LinkRefused("syntax", 'the scheme is not followed by "//"')
    return scheme.lower(), authority, (path or "/") + query


def _check_characters(url: str) -> None:
    if len(url) > MAX_URL_CHARACTERS:
        raise LinkRefused("syntax", f"the link is longer than {MAX_URL_CHARACTERS} characters")
    found = _FORBIDDEN.search(url)
    if found is not None:
        raise LinkRefused("syntax", f"the link holds the character U+{ord(found.group()):04X}")


def _split_port(authority: str) -> tuple[str, str | None]:
    if authority.startswith("["):
        host, bracket, rest = authority.partition("]")
        if not bracket or rest[:1] not in ("", ":"):
            raise LinkRefused("host", "the brackets around the address do not match")
        return host + bracket, rest[1:] or None
    host, _, port = authority.partition(":")
    return host, port or None  # "host:" means the default port (RFC 3986 section 6.2.3).


def _parse_port(port: str) -> int:
    if not _PORT.fullmatch(port) or not 0 < int(port) < 65536:
        raise LinkRefused("port", "the port is not a number from 1 to 65535")
    return int(port)


def _parse_bracketed(host: str) -> tuple[str, Address]:
    if "%" in host:
        raise LinkRefused("host", "the address has a zone (RFC 6874)")
    try:
        address = IPv6Address(host[1:-1])
    except AddressValueError as error:
        raise LinkRefused("host", "the text in brackets is not an IPv6 address") from error
    return str(address), address


def _parse_host(written: str) -> tuple[str, Address | None]:
    """Parse a name or an IPv4 address.

    Clients treat a host whose last label is a number as an address (WHATWG URL, "ends in a
    number"), so it must be a complete dotted quad. The check follows IDNA's mapping, which turns
    full-width and circled digits into ASCII.
    """
    name = _to_ascii(written)
    labels = name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise LinkRefused("host", "the host is not a valid DNS name")
    if not _NUMBER.fullmatch(labels[-1]):
        return name, None
    if not _DOTTED_QUAD.fullmatch(name):
        raise LinkRefused("host", "the IPv4 address is not written as four decimal numbers")
    try:
        address = IPv4Address(name)
    except AddressValueError as error:
        raise LinkRefused("host", "the IPv4 address holds a number over 255") from error
    return str(address), address


def _to_ascii(written: str) -> str:
    """Map a host to lower-case ASCII (UTS 46, RFC 5891), without the root's dot."""
    if not written:
        raise LinkRefused("host", "the link has no host")
    if len(written) > MAX_NAME_CHARACTERS + 1:
        raise LinkRefused("host", f"the host is longer than {MAX_NAME_CHARACTERS} characters")
    name = written.lower()
    if not written.isascii():
        try:
            name = idna.encode(written, uts46=True, std3_rules=True).decode("ascii").lower()
        except UnicodeError as error:  # IDNAError is one.
            raise LinkRefused("host", "the host is not an internationalised name") from error
    name = name.removesuffix(".")
    if len(name) > MAX_NAME_CHARACTERS:
        raise LinkRefused("host", f"the host is longer than {MAX_NAME_CHARACTERS} characters")
    return name


def _encode_path(path: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", path), safe=_SAFE_IN_PATH)
