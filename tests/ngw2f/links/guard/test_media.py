import pytest

from ngw2f.links.guard.media import accept_images, parse_content_type


def test_size_of_images_is_a_setting() -> None:
    limits = set(accept_images(5_000_000).values())
    assert [(limit.max_bytes, limit.may_be_cut) for limit in limits] == [(5_000_000, False)]


@pytest.mark.parametrize(
    ("value", "media_type", "charset"),
    [
        ("text/html", "text/html", None),
        (" Text/HTML ;Charset=UTF-8", "text/html", "utf-8"),
        ('text/html; charset="utf-8"', "text/html", "utf-8"),
        ("text/html; boundary=x; charset=utf-8", "text/html", "utf-8"),
        ("text/html; charset=a; charset=b", "text/html", "a"),
        ("text/html; charset=", "text/html", None),
        ("text/html; charset", "text/html", None),
        ("text/html;" + ";" * 1000 + "charset=" + "x" * 1000, "text/html", "x" * 40),
        ("", "", None),
        (";charset=utf-8", "", "utf-8"),
        # Joined by a proxy.
        ("text/html, text/html; charset=utf-8", "text/html", "utf-8"),
        ("text/html; charset=utf-8, text/html", "text/html", "utf-8"),
        ("text/plain; charset=utf-8, text/html", "text/html", None),
        ("text/html; charset=utf-8, nonsense", "text/html", "utf-8"),
        ("text/html, */*", "text/html", None),
        (", text/html,", "text/html", None),
        # Quoted, and parted otherwise.
        ('"text/html"', "text/html", None),
        ('"text/html; charset=utf-8"', "text/html", "utf-8"),
        ("'text/html';charset='utf-8'", "text/html", "utf-8"),
        ("text/html charset=utf-8", "text/html", "utf-8"),
        ("text/html: charset = utf-8", "text/html", "utf-8"),
        ("text/html;", "text/html", None),
        # Other names for it.
        ("image/jpg", "image/jpeg", None),
        ("IMAGE/PJPEG", "image/jpeg", None),
        ("image/x-png", "image/png", None),
        ("binary/octet-stream", "application/octet-stream", None),
        # None at all.
        ("*/*", "", None),
        ("html", "", None),
        ("/html", "", None),
        ("text/", "", None),
    ],
)
def test_content_type_is_split(value: str, media_type: str, charset: str | None) -> None:
    assert parse_content_type(value) == (media_type, charset)
