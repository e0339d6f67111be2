import struct
import threading
import time
import zlib
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ngw2f.links.guard.errors import LinkFailed
from ngw2f.links.guard.media import MAX_IMAGE_BYTES
from ngw2f.links.preview.form import Form
from ngw2f.links.preview.thumbnail import MAX_PIXELS, MAX_SCANS, Thumbnail, Thumbnailer

RED = (255, 0, 0)
BLUE = (0, 0, 255)


def encode(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    output = BytesIO()
    image.save(output, file_format, **options)
    return output.getvalue()


def open_thumbnail(body: bytes) -> Image.Image:
    thumbnail = Thumbnailer().make(body)
    image = Image.open(BytesIO(thumbnail.body))
    image.load()
    assert image.format == "WEBP"
    assert image.size == (thumbnail.width, thumbnail.height)
    return image


def is_near(found: object, wanted: tuple[int, int, int]) -> bool:
    return all(abs(a - b) < 40 for a, b in zip(found, wanted, strict=False))  # type: ignore[call-overload]


def reason_against(body: bytes) -> str:
    with pytest.raises(LinkFailed) as caught:
        Thumbnailer().make(body)
    assert caught.value.kind == "image"
    return caught.value.reason


@pytest.mark.parametrize("file_format", MAX_PIXELS)
@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((960, 640), (480, 320)),
        ((2000, 100), (480, 24)),
        ((100, 2000), (16, 320)),
        ((9, 7), (9, 7)),
    ],
)
def test_image_fits_the_box(
    file_format: str, size: tuple[int, int], small: tuple[int, int]
) -> None:
    assert open_thumbnail(encode(Image.new("RGB", size, RED), file_format)).size == small


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_every_mode_is_drawn(mode: str) -> None:
    image = Image.new(mode, (600, 600))
    file_format = "JPEG" if mode == "CMYK" else "PNG"
    assert open_thumbnail(encode(image, file_format)).size == (320, 320)


def test_transparency_is_kept() -> None:
    image = Image.new("RGBA", (600, 600), (255, 0, 0, 0))
    assert open_thumbnail(encode(image)).getpixel((5, 5))[3] == 0  # type: ignore[index]


def test_first_frame_of_an_animation_is_shown() -> None:
    frames = [Image.new("RGB", (50, 50), color) for color in (RED, BLUE)]
    for file_format in ("GIF", "WEBP", "PNG"):
        body = encode(frames[0], file_format, save_all=True, append_images=frames[1:])
        thumbnail = open_thumbnail(body)
        assert getattr(thumbnail, "n_frames", 1) == 1
        assert is_near(thumbnail.convert("RGB").getpixel((25, 25)), RED)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_dropped(orientation: int) -> None:
    image = Image.new("RGB", (900, 600), RED)
    exif = Image.Exif()
    exif[0x0112] = orientation
    thumbnail = open_thumbnail(encode(image, "JPEG", exif=exif))
    assert thumbnail.size == ((213, 320) if orientation > 4 else (480, 320))
    assert not thumbnail.getexif()


def test_turned_image_has_its_top_on_top() -> None:
    image = Image.new("RGB", (400, 200), RED)
    image.paste(BLUE, (0, 0, 100, 200))  # Its left edge, which is the top once turned.
    exif = Image.Exif()
    exif[0x0112] = 6
    thumbnail = open_thumbnail(encode(image, "JPEG", exif=exif))
    assert is_near(thumbnail.getpixel((80, 20)), BLUE)
    assert is_near(thumbnail.getpixel((80, 300)), RED)


def test_metadata_is_dropped() -> None:
    exif = Image.Exif()
    exif[0x010E] = "where I live"
    body = encode(
        Image.new("RGB", (50, 50)), "JPEG", exif=exif, icc_profile=b"p" * 200, comment=b"my name"
    )
    thumbnail = Thumbnailer().make(body).body
    assert b"where I live" in body
    for secret in (b"where I live", b"my name", b"pppp", b"EXIF", b"ICCP", b"XMP "):
        assert secret not in thumbnail


def chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def png_of(width: int, height: int, rows: bytes = b"", more: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + data


@pytest.mark.parametrize("size", [(2829, 2829), (4000, 4000), (20_000, 1), (1, 16_384)])
def test_too_many_pixels_are_refused_undecoded(size: tuple[int, int]) -> None:
    assert str(size[0]) in reason_against(png_of(*size))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(10_000, 10_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_decompression_bomb_is_refused(size: tuple[int, int]) -> None:
    reason_against(png_of(*size, rows=bytes(1_000_000)))


def test_fourth_component_counts() -> None:
    body = encode(Image.new("CMYK", (3100, 3100)), "JPEG")
    assert "3100 by 3100" in reason_against(body)


def test_photo_of_one_scan_may_have_more_pixels() -> None:
    photo = Image.new("L", (4300, 3000))
    assert open_thumbnail(encode(photo, "JPEG")).size == (459, 320)
    assert "4300 by 3000" in reason_against(encode(photo, "JPEG", progressive=True))


# What a small file can have done again and again.


def insert(body: bytes, position: int, piece: bytes) -> bytes:
    """Put as many of a piece into an image as the largest that is fetched has room for."""
    room = MAX_IMAGE_BYTES - len(body)
    return body[:position] + piece * (room // len(piece)) + body[position:]


def jpeg_of_scans(count: int) -> bytes:
    body = encode(Image.new("L", (100, 100)), "JPEG", progressive=True)
    last = body[body.rindex(b"\xff\xda") : -2]
    return body[:-2] + last * (count - body.count(b"\xff\xda")) + body[-2:]


def test_jpeg_of_many_scans_is_refused() -> None:
    assert open_thumbnail(jpeg_of_scans(MAX_SCANS)).size == (100, 100)
    assert reason_against(jpeg_of_scans(MAX_SCANS + 1)) == "the image has more than 64 scans"


JPEG = encode(Image.new("RGB", (9, 9)), "JPEG")
GIF = encode(Image.new("P", (9, 9)), "GIF")
PIECES = {
    "jpeg comments": insert(JPEG, 2, b"\xff\xfe\0\2"),
    "jpeg segments": insert(JPEG, 2, b"\xff\xe5\0\2"),
    "jpeg filling": insert(JPEG, 2, b"\xff"),
    "png chunks": png_of(9, 9, bytes(90), insert(b"", 0, chunk(b"aaAa", b""))[:-100_000]),
    "gif extensions": insert(GIF, GIF.index(b","), b"!\1\1a\0"),
    "gif nothing": insert(GIF, GIF.index(b","), b"\1"),
}


@pytest.mark.parametrize("body", PIECES.values(), ids=PIECES)
def test_image_in_a_hundred_thousand_pieces_is_refused(body: bytes) -> None:
    assert reason_against(body) == "the image is in too many pieces"
    with pytest.raises(LinkFailed, match="too many pieces"):
        Thumbnailer().count_pixels(body)


def test_image_of_common_pieces_is_drawn() -> None:
    comments = b"!\xfe" + (b"\xff" + b"x" * 255) * 4000 + b"\0"
    position = GIF.index(b",")
    assert open_thumbnail(GIF[:position] + comments + GIF[position:]).size == (9, 9)


def png_of_texts(count: int) -> bytes:
    """Each is a kilobyte that becomes a megabyte, and four of them by its one character."""
    text = zlib.compress("\U0001f600".encode() + b"x" * (2**20 - 4), 9)
    texts = b"".join(chunk(b"iTXt", b"%d\0\1\0\0\0" % each + text) for each in range(count))
    return png_of(9, 9, bytes(90), texts)


def test_text_of_a_png_is_bounded() -> None:
    assert open_thumbnail(png_of_texts(2)).size == (9, 9)
    reason_against(png_of_texts(3))


def test_jpeg_of_many_exifs_is_refused() -> None:
    segment = b"\xff\xe1\xff\xfeExif\0\0" + bytes(2**16 - 10)
    assert "EXIF" in reason_against(insert(JPEG, 2, segment))


@pytest.mark.no_cover  # Its limit is of processor time.
def test_exif_of_many_tags_takes_no_time() -> None:
    tags = b"".join(struct.pack("<HHLHH", each, 3, 1, 6, 0) for each in range(1, 2**16))
    exif = b"II*\0\x08\0\0\0\xff\xff" + tags + bytes(4)
    start = time.process_time()
    Thumbnailer().make(png_of(9, 9, bytes(90), chunk(b"eXIf", exif)))
    assert time.process_time() - start < 1.5


def test_orientation_after_the_pixels_counts() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    body = png_of(4, 2, bytes(10))
    end = body.index(b"IEND") - 4
    turned = body[:end] + chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + body[end:]
    assert open_thumbnail(turned).size == (2, 4)


@pytest.mark.parametrize("file_format", ["BMP", "TIFF", "ICO", "PPM", "PCX", "TGA", "EPS", "PDF"])
def test_other_formats_are_refused(file_format: str) -> None:
    reason_against(encode(Image.new("RGB", (50, 50)), file_format))


GOOD = {
    file_format: encode(Image.effect_noise((40, 40), 50).convert("RGB"), file_format)
    for file_format in MAX_PIXELS
}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        bytes(1000),
        b"GIF89a",
        b"\xff\xd8",
    ],
    ids=["empty", "html", "svg", "zeros", "gif", "jpeg"],
)
def test_what_is_no_image_is_refused(body: bytes) -> None:
    reason_against(body)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_half_an_image_is_refused(file_format: str) -> None:
    body = GOOD[file_format]
    reason_against(body[: len(body) // 2])


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(sorted(GOOD)), st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)))
)
def test_damaged_image_is_drawn_or_refused(file_format: str, damage: list[tuple[int, int]]) -> None:
    body = bytearray(GOOD[file_format])
    for position, value in damage:
        body[position % len(body)] = value
    try:
        thumbnail = Thumbnailer().make(bytes(body))
    except LinkFailed as error:
        assert error.kind == "image"  # noqa: PT017 - either outcome is right.
    else:
        assert thumbnail.width <= 480


def test_one_image_at_a_time_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = []
    most = []

    class Counting(Thumbnailer):
        def _make(self, body: bytes, form: Form) -> Thumbnail:
            inside.append(1)
            most.append(len(inside))
            try:
                return super()._make(body, form)
            finally:
                inside.pop()

    thumbnailer = Counting()
    threads = [threading.Thread(target=thumbnailer.make, args=(GOOD["PNG"],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8
