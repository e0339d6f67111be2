"""Decode a page by BOM, header, declaration or guess, in this order.

The order and the labels are those of the HTML Standard (section 13.2.3, "Determining the character
encoding") and the Encoding Standard. Only labels in this table count: Python's codec registry
would also offer strangers `idna`, `punycode`, `unicode_escape`, `utf-7` and whatever is installed.
"""

import codecs
import re
from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from ngw2f.links.preview.tags import iterate_tags

# Labels by Python codec. On the web, Latin-1 and ASCII mean windows-1252.
_CODECS = {
    "utf-8": "utf-8 utf8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 x-unicode20utf8",
    "cp1252": "windows-1252 cp1252 x-cp1252 iso-8859-1 iso8859-1 iso88591 iso_8859-1 latin1 l1 "
    "ascii us-ascii ansi_x3.4-1968 cp819 ibm819 csisolatin1",
    "iso8859-2": "iso-8859-2 iso8859-2 iso88592 iso_8859-2 latin2 l2",
    "iso8859-3": "iso-8859-3 iso8859-3 latin3",
    "iso8859-4": "iso-8859-4 iso8859-4 latin4",
    "iso8859-5": "iso-8859-5 iso8859-5 cyrillic",
    "iso8859-6": "iso-8859-6 iso8859-6 arabic",
    "iso8859-7": "iso-8859-7 iso8859-7 greek",
    "iso8859-8": "iso-8859-8 iso8859-8 iso-8859-8-i hebrew logical",
    "iso8859-10": "iso-8859-10 latin6",
    "iso8859-13": "iso-8859-13",
    "iso8859-14": "iso-8859-14",
    "iso8859-15": "iso-8859-15 iso8859-15 latin9 l9",
    "iso8859-16": "iso-8859-16",
    "cp1250": "windows-1250 cp1250 x-cp1250",
    "cp1251": "windows-1251 cp1251 x-cp1251",
    "cp1253": "windows-1253 cp1253",
    "cp1254": "windows-1254 cp1254 iso-8859-9 iso8859-9 latin5 l5",
    "cp1255": "windows-1255 cp1255",
    "cp1256": "windows-1256 cp1256",
    "cp1257": "windows-1257 cp1257",
    "cp1258": "windows-1258 cp1258",
    "cp866": "ibm866 866 cp866",
    "cp874": "windows-874 iso-8859-11 tis-620 dos-874",
    "koi8-r": "koi8-r koi koi8 koi8_r",
    "koi8-u": "koi8-u koi8-ru",
    "mac-roman": "macintosh mac x-mac-roman",
    "mac-cyrillic": "x-mac-cyrillic x-mac-ukrainian",
    "gb18030": "gb18030 gbk gb2312 gb_2312 gb_2312-80 chinese csgb2312 x-gbk",
    "big5hkscs": "big5 big5-hkscs cn-big5 csbig5 x-x-big5",
    "euc_jp": "euc-jp x-euc-jp cseucpkdfmtjapanese",
    "iso2022_jp": "iso-2022-jp csiso2022jp",
    "cp932": "shift_jis shift-jis sjis x-sjis windows-31j ms_kanji csshiftjis",
    "cp949": "euc-kr ks_c_5601-1987 ksc5601 ksc_5601 korean cseuckr windows-949",
    "utf-16-le": "utf-16le utf-16 unicode ucs-2",
    "utf-16-be": "utf-16be unicodefffe",
}
CODEC_OF_LABEL: Final = MappingProxyType(
    {label: codec for codec, labels in _CODECS.items() for label in labels.split()}
)

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_XML_DECLARATION_BYTES = 300
_XML_DECLARATION = re.compile(
    r"<\?xml\s[^>]{0,200}?\bencoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']"
)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)


def decode_page(body: bytes, header_charset: str | None) -> str:
    """Decode a page; undecodable bytes become U+FFFD. Never raises."""
    for bom, codec in _BOMS:
        if body.startswith(bom):
            return body[len(bom) :].decode(codec, "replace")
    of_header = CODEC_OF_LABEL.get((header_charset or "").strip().lower())
    return body.decode(of_header or _get_declared_codec(body) or _guess_codec(body), "replace")


def _get_declared_codec(body: bytes) -> str | None:
    """Return the codec of the encoding that the page declares, anywhere.

    The declaration should be in the first kilobyte (section 4.2.5.4), but often follows scripts
    and styles; browsers then start again (section 13.2.3.5).
    """
    if b"charset" not in body.lower() and b"encoding" not in body[:_XML_DECLARATION_BYTES]:
        return None
    named = (CODEC_OF_LABEL.get(label.strip().lower()) for label in _iterate_labels(body))
    codec = next((each for each in named if each is not None), None)
    # A declaration readable as ASCII cannot be in UTF-16 (section 13.2.3.2).
    return "utf-8" if codec in ("utf-16-le", "utf-16-be") else codec


def _iterate_labels(body: bytes) -> Iterator[str]:
    page = body.decode("latin-1")
    declaration = _XML_DECLARATION.match(page)
    if declaration is not None:
        yield declaration.group(1)
    for tag in iterate_tags(page, frozenset({"meta"})):
        yield tag.attributes.get("charset", "")
        if tag.attributes.get("http-equiv", "").lower() == "content-type":
            yield from _CHARSET.findall(tag.attributes.get("content", ""))[:1]


def _guess_codec(body: bytes) -> str:
    """Return UTF-8 if the bytes are valid up to a cut last character, else windows-1252."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(body)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
