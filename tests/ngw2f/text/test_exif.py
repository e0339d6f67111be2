import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ngw2f.text.exif import keep_orientation, read_orientation


def exif_of(tags: dict[int, object]) -> bytes:
    exif = Image.Exif()
    for tag, value in tags.items():
        exif[tag] = value
    return exif.tobytes()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_read(orientation: int) -> None:
    assert read_orientation(exif_of({0x0112: orientation})) == orientation


def test_orientation_after_other_fields_is_read() -> None:
    assert read_orientation(exif_of({0x010E: "text", 0x010F: "a maker", 0x0112: 6})) == 6


def test_either_end_may_come_first() -> None:
    big = b"MM\0*\0\0\0\x08" + b"\0\x01" + b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0" + bytes(4)
    assert read_orientation(big) == 6
    assert read_orientation(b"Exif\0\0" + big) == 6


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"II",
        b"II*\0\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0",
        b"II*\0\x08\0\0\0\xff\xff",
        b"XX" + exif_of({0x0112: 6})[8:],
        exif_of({0x010E: "text"}),
    ],
    ids=["empty", "start", "nowhere", "no fields", "short", "no tiff", "not said"],
)
def test_what_does_not_say_is_upright(exif: bytes) -> None:
    assert read_orientation(exif) == 1


@given(st.binary(max_size=200))
def test_anything_is_read(exif: bytes) -> None:
    assert 0 <= read_orientation(b"II*\0\x08\0\0\0" + exif) < 2**16


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_only_the_orientation_is_kept(prefix: bytes) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    whole = prefix + exif.tobytes().removeprefix(b"Exif\0\0")
    kept = keep_orientation(whole)
    assert (len(kept), b"Maker" in kept, read_orientation(kept)) == (len(whole), False, 6)


@pytest.mark.parametrize("exif", [b"", b"Exif\0\0", b"nothing", b"MM\0*\0\0\0\x08\0\x00"])
def test_short_exif_is_wiped(exif: bytes) -> None:
    assert keep_orientation(exif) == bytes(len(exif))


def test_what_is_no_orientation_is_upright() -> None:
    assert read_orientation(keep_orientation(exif_of({0x0112: 300}))) == 1
