import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngw2f.text.file_names import DEVICES, MAX_BYTES, MAX_CHARACTERS, clean_file_name
from ngw2f.text.invisible import has_shape


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("report.pdf", "report.pdf"),
        ("Grüße aus Köln.txt", "Grüße aus Köln.txt"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\a.doc", "a.doc"),
        ("a/..", "file"),
        ("..", "file"),
        ("", "file"),
        ("/", "file"),
        (".htaccess", "htaccess"),
        ("a\0b.txt", "a b.txt"),
        ("a\r\nSet-Cookie: x.txt", "a Set-Cookie_ x.txt"),
        ('a";filename="b.exe', "a__filename=_b.exe"),
        # Shown from right to left, it would end in "txt".
        ("photo\u202etxt.exe", "phototxt.exe"),
        ("a\u200bb\ufeff.png", "ab.png"),
        ("nul.txt", "_nul.txt"),
        ("con", "_con"),
        ("a%2f..%2fb", "a_2f._2fb"),
        ("e\u0301.txt", "\xe9.txt"),
        ("\ud800.txt", "txt"),
        ("x" * 4000 + ".tar.gz", "x" * (MAX_CHARACTERS - 3) + ".gz"),
        ("x" * 4000, "x" * MAX_CHARACTERS),
        ("日" * 4000 + ".png", "日" * ((MAX_BYTES - 4) // 3) + ".png"),
        ("a." + "y" * 400, ("a." + "y" * 400)[:MAX_CHARACTERS]),
    ],
)
def test_names(given_name: str, name: str) -> None:
    assert clean_file_name(given_name) == name


@given(st.text(st.characters(), max_size=300))
def test_any_name_is_safe(given_name: str) -> None:
    name = clean_file_name(given_name)
    assert 0 < len(name) <= MAX_CHARACTERS
    assert len(name.encode()) <= MAX_BYTES
    assert name == name.strip(". ")
    assert not set('/\\<>:"|?*;%#') & set(name)
    assert all(map(has_shape, name))
    assert name.split(".")[0].lower() not in DEVICES
    assert clean_file_name(name) == name
