import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngw2f.links.preview.charset import CODEC_OF_LABEL, decode_page

TEXT = "<title>größer</title>"


def declared(label: str, codec: str, text: str = TEXT) -> bytes:
    return f'<meta charset="{label}">{text}'.encode(codec)


ORDER = {
    "bom over header": (codecs.BOM_UTF8 + TEXT.encode(), "iso-8859-1", TEXT),
    "utf-16 bom over header": (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), "utf-8", TEXT),
    "utf-16 big bom": (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), None, TEXT),
    "header": (TEXT.encode("latin-1"), "iso-8859-1", TEXT),
    "header over meta": (
        declared("utf-8", "latin-1"),
        "ISO-8859-1",
        '<meta charset="utf-8">' + TEXT,
    ),
    "unknown header": (
        declared("windows-1252", "cp1252"),
        "nonsense",
        '<meta charset="windows-1252">' + TEXT,
    ),
    "guess utf-8": (TEXT.encode(), None, TEXT),
    "guess cut utf-8": ("größ".encode()[:-1], None, "gr\u00f6\ufffd"),
    "guess windows-1252": (TEXT.encode("cp1252"), None, TEXT),
    "ascii is windows-1252": ("€".encode("cp1252"), "us-ascii", "€"),
    "utf-16 in header": (TEXT.encode("utf-16-le"), "utf-16", TEXT),
    "utf-16 in meta is utf-8": (
        declared("utf-16", "utf-8"),
        None,
        '<meta charset="utf-16">' + TEXT,
    ),
    "broken bytes": (b"a\xff\xfeb", "utf-8", "a\ufffd\ufffdb"),
    "nothing": (b"", None, ""),
}


@pytest.mark.parametrize(("body", "header", "text"), ORDER.values(), ids=ORDER)
def test_encoding_is_chosen(body: bytes, header: str | None, text: str) -> None:
    assert decode_page(body, header) == text


@pytest.mark.parametrize(
    "declaration",
    [
        "<meta charset=windows-1251>",
        "<META CHARSET='Windows-1251'>",
        "<meta http-equiv=Content-Type content='text/html; charset=windows-1251'>",
        '<meta content="text/html;charset=&quot;windows-1251&quot;" http-equiv="content-type">',
        "<meta charset=nonsense><meta charset=windows-1251>",
        "<?xml version='1.0' encoding='windows-1251'?>",
        "<!-- <meta charset=utf-8> --><meta charset=windows-1251>",
        "<script>'<meta charset=utf-8>'</script><meta charset=windows-1251>",
        " " * 1024 + "<meta charset=windows-1251>",
        "<style>" + "a{} " * 9000 + "</style><META CharSet=windows-1251>",
    ],
)
def test_declaration_is_found(declaration: str) -> None:
    assert decode_page((declaration + "Привет").encode("cp1251"), None) == declaration + "Привет"


@pytest.mark.parametrize(
    "declaration",
    [
        "<meta name=charset content='windows-1251'>",
        "<meta http-equiv=refresh content='charset=windows-1251'>",
        "<p charset=windows-1251>",
    ],
)
def test_declaration_elsewhere_is_not_one(declaration: str) -> None:
    assert "Привет" not in decode_page((declaration + "Привет").encode("cp1251"), None)


@pytest.mark.parametrize(
    "label", ["idna", "punycode", "unicode_escape", "utf-7", "rot13", "zip", "hex"]
)
def test_python_codec_is_no_charset(label: str) -> None:
    assert decode_page(b"+AGE- \\u0061", label) == "+AGE- \\u0061"


@pytest.mark.parametrize("label", CODEC_OF_LABEL)
def test_every_label_decodes(label: str) -> None:
    assert decode_page(bytes(range(256)) * 2, label)


@given(st.binary(), st.sampled_from(["", None, *CODEC_OF_LABEL]))
def test_any_body_decodes(body: bytes, header: str | None) -> None:
    assert isinstance(decode_page(body, header), str)
