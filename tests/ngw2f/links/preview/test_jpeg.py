from io import BytesIO

import pytest
from PIL import Image

from ngw2f.links.preview.jpeg import MAX_SEGMENTS, has_one_scan


def encoded(mode: str = "RGB", **options: object) -> bytes:
    output = BytesIO()
    Image.effect_noise((64, 48), 90).convert(mode).save(output, "JPEG", **options)
    return output.getvalue()


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_sequential_picture_has_one_scan(mode: str) -> None:
    assert has_one_scan(encoded(mode, comment=b"x", exif=Image.Exif(), icc_profile=b"x"))


def test_progressive_picture_has_several() -> None:
    assert not has_one_scan(encoded(progressive=True))


def test_scan_of_one_component_is_not_the_only_one() -> None:
    content = encoded()
    at = content.index(b"\xff\xda")
    assert not has_one_scan(content[: at + 4] + b"\1" + content[at + 5 :])


@pytest.mark.parametrize("odd", [b"\xff", b"\xff\xd0"], ids=["fill byte", "restart"])
def test_frame_is_not_hidden_behind_markers_without_a_length(odd: bytes) -> None:
    content = encoded(progressive=True)
    start = content[:2] + odd + content[2:20]
    # There goes whoever takes the next marker for a length: into a profile, with another frame.
    there = 4 + int.from_bytes(start[4:6])
    frame = b"\xff\xc0\0\x11\x08\0\x30\0\x40\3" + bytes(9) + b"\xff\xda\0\x0c\3" + bytes(9)
    hidden = (start + b"\xff\xe2\xff\xff").ljust(there, b"\0") + frame
    hiding = hidden.ljust(len(start) + 2 + 0xFFFF, b"\0") + content[20:]
    with Image.open(BytesIO(hiding)) as image:
        image.load()
        assert image.info["progressive"]
    assert not has_one_scan(hiding)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8" + bytes(20),
        b"\xff\xd8\xff\xda\0\x0c\0" + bytes(20),
        b"\xff\xd8" + b"\xff\xfe\0\2" * (MAX_SEGMENTS + 10) + encoded()[2:],
    ],
    ids=["nothing", "short", "no marker", "no frame", "many segments"],
)
def test_odd_picture_has_not(content: bytes) -> None:
    assert not has_one_scan(content)
