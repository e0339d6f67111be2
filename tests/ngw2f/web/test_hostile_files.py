"""Hostile uploads: none runs, none escapes, none is more than a download."""

import re
import zlib
from io import BytesIO
from pathlib import Path
from urllib.parse import quote
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from PIL import Image

from ngw2f.settings import Settings
from tests.client import BROWSER, Client
from tests.ngw2f.web.browsing import page

SCRIPT = b"<script>alert(1)</script>"
FORM = {"Content-Type": "application/octet-stream"}
NAMES = {
    "slashes": "../../../etc/cron.d/x",
    "backslashes": "..\\..\\windows\\x.exe",
    "only dots": "../..",
    "NUL": "a\0.html\0.png",
    "line ends": "a\r\nSet-Cookie: x=1\r\n\r\n<html>",
    "direction": "invoice\u202egnp.exe",
    "isolates": "\u2066\u2067\u200fa\u2069.txt",
    "4,000 characters": "\N{PILE OF POO}" * 4_000,
    "combining": "a" + "\u0301" * 4_000,
    "markup": '"><img src=x onerror=alert(1)>',
    "template": "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "quotes": 'a"; filename="b.html',
    "device": "CON.txt",
    "percent": "%2e%2e%2f%00",
}


def picture(file_format: str, side: int = 4) -> bytes:
    output = BytesIO()
    Image.new("L", (side, side)).save(output, file_format)
    return output.getvalue()


def zip_bomb() -> bytes:
    output = BytesIO()
    with ZipFile(output, "w", ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(10**7))
    return output.getvalue()


def contents() -> dict[str, bytes]:
    """Make them; it takes most of a second: not at import."""
    return {
        "HTML": b"<!doctype html>" + SCRIPT,
        "HTML after white space": b" " * 2000 + SCRIPT,
        "UTF-16": SCRIPT.decode().encode("utf-16"),
        "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        "XHTML": b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>',
        "GIF that is a script": b"GIF89a/*" + picture("GIF")[8:] + b"*/=1;alert(1)",
        "PNG with HTML after it": picture("PNG") + SCRIPT,
        "JPEG with a ZIP after it": picture("JPEG") + zip_bomb(),
        "PDF with HTML in it": b"%PDF-1.7\n" + SCRIPT,
        "ZIP bomb": zip_bomb(),
        "gzip bomb": b"\x1f\x8b\x08" + bytes(7) + zlib.compress(bytes(10**7))[2:],
        "pixel bomb": picture("PNG", 10_000),
        "nothing": b"",
        "manifest": b"CACHE MANIFEST\n/",
        "Flash": b"CWS\x07" + bytes(20),
        "Java and GIF": b"GIF89a" + bytes(30) + b"PK\x03\x04",
    }


# A browser runs none of these, and guesses no other.
SAFE = re.compile(r"application/(octet-stream|pdf|zip|gzip)|image/(png|gif|jpeg|webp)")


@pytest.fixture
def ann(client: Client) -> Client:
    client.sign_in("ann")
    return client


def show(client: Client, path: str) -> None:
    """Check what a browser gets."""
    answer = client.get(path, status=200)
    headers = answer.headers
    assert SAFE.fullmatch(headers["Content-Type"])
    assert headers["Content-Disposition"].startswith("attachment;")
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Content-Encoding" not in headers


def test_hostile_names(ann: Client, settings: Settings) -> None:
    made = []
    for name in NAMES.values():
        # As browsers write it.
        typed = name.replace("\r\n", "%0D%0A").replace('"', "%22")
        files = [("file", typed, b"x")]
        answer = ann.post("/rooms/lobby/files", {"source": ""}, upload_files=files, headers=BROWSER)
        assert answer.status_int == 303, name
        path = f"/api/rooms/1/files?name={quote(name)}"
        made.append(ann.post(path, b"x", headers=FORM, status=201).json)
    ann.post_json("/api/messages", {"source": "x", "file_ids": [each["id"] for each in made]})
    links = page(ann).html.select(".message .file")
    assert len(links) == 2 * len(NAMES)
    for link in links:
        name = link.bdi.text
        assert 0 < len(name) <= 120
        assert len(name.encode()) <= 200
        assert not re.search(r'[\\/\0-\x1f<>"\u200e\u200f\u202a-\u202e\u2066-\u2069]', name)
        assert not name.startswith(".")
        show(ann, link["href"])
    # What somebody says is part of no path on the disk.
    kept = {path.name for path in Path(settings.data_dir, "files").rglob("*") if path.is_file()}
    assert len(kept) == len(links)
    assert all(re.fullmatch("[0-9a-f]{32}", name) for name in kept)


def test_hostile_contents(ann: Client, settings: Settings) -> None:
    for name, content in contents().items():
        path = f"/api/rooms/1/files?name={quote(name)}.html"
        show(ann, ann.post(path, content, headers=FORM, status=201).json["_links"]["self"])
    kept = [each for each in Path(settings.data_dir, "files").rglob("*") if each.is_file()]
    for stored in (each.read_bytes() for each in kept):
        # Of a picture, only what is one is kept.
        if stored.startswith((b"\x89PNG", b"\xff\xd8\xff\xe0")):
            assert SCRIPT not in stored
            assert b"PK\x03\x04" not in stored
