import time

import pytest

from ngw2f.text.sniff import UNKNOWN, sniff_media_type, upload_media_type


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"<!DOCTYPE html>", "text/html"),
        (b"\r\n\t <HTML lang=en>", "text/html"),
        (b"<title>a</title>", "text/html"),
        (b"<!-- a -->", "text/html"),
        (b"<p>", "text/html"),
        (b"<pre>", ""),
        (b"<html", ""),
        (b"\xef\xbb\xbf<html>", ""),
        (b"<?xml version='1.0'?><!DOCTYPE html><html xmlns='x'>", "application/xhtml+xml"),
        (b"<?xml version='1.0'?>\n<!-- a -->\n<html>", "application/xhtml+xml"),
        (b"<?xml version='1.0'?><rss>", ""),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"RIFF\n\0\0\0WEBPVP8 ", "image/webp"),
        (b"RIFF\n\0\0\0WAVE", ""),
        (b"", ""),
        (b" " * 2000 + b"<html>", ""),
    ],
)
def test_type_is_that_of_the_first_bytes(body: bytes, media_type: str) -> None:
    assert sniff_media_type(body) == media_type


def test_page_is_not_looked_for_where_it_must_not_be() -> None:
    assert sniff_media_type(b"<html>", may_be_page=False) == ""
    assert sniff_media_type(b"GIF89a", may_be_page=False) == "image/gif"


@pytest.mark.no_cover  # Its limit is of processor time.
def test_many_comments_take_no_time() -> None:
    start = time.process_time()
    sniff_media_type(b"<?xml " + b"<!" * 100_000)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"GIF89a<script>", "image/gif"),
        (b"%PDF-1.7", "application/pdf"),
        (b"\0\0\0\x18ftypmp42", "video/mp4"),
        (b"PK\x03\x04", "application/zip"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'>", UNKNOWN),
        (b"<!DOCTYPE html><script>alert(1)</script>", UNKNOWN),
        (b"alert(1)", UNKNOWN),
        (b"", UNKNOWN),
    ],
)
def test_upload_has_no_type_that_a_browser_runs(head: bytes, media_type: str) -> None:
    assert upload_media_type(head) == media_type
