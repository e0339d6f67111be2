"""What a picture says beside its pixels is wiped, and its pixels stay as they are."""

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from ngw2f.text.picture_metadata import FORMATS, MAX_PARTS, PIECE_BYTES, DamagedError, wipe_metadata

SECRET = "Rue du Secret"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x9286] = orientation, SECRET, SECRET
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.9)})
    return exif


def picture(file_format: str, orientation: int = 6, **options: object) -> bytes:
    image = Image.effect_noise((64, 48), 90).convert("P" if file_format == "GIF" else "RGB")
    output = BytesIO()
    if file_format == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", SECRET)
        text.add_itxt("XML:com.adobe.xmp", SECRET, zip=True)
        options["pnginfo"] = text
    if file_format in ("GIF", "JPEG"):
        options["comment"] = SECRET
    if file_format in ("JPEG", "WEBP"):
        options["xmp"] = SECRET.encode()
    if file_format != "GIF":
        options |= {"exif": exif_of(orientation), "icc_profile": PROFILE}
    image.save(output, file_format, **options)
    return output.getvalue()


def wiped(content: bytes, file_format: str = "JPEG") -> bytes:
    file = BytesIO(content)
    end = wipe_metadata(file, f"image/{file_format.lower()}")
    return file.getvalue()[:end]


def opened(content: bytes) -> Image.Image:
    Image.open(BytesIO(content)).verify()
    image = Image.open(BytesIO(content))
    image.load()
    return image


CASES = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("JPEG", {"restart_marker_blocks": 1}),
    ("PNG", {}),
    ("WEBP", {"lossless": True}),
    ("WEBP", {}),
]


@pytest.mark.parametrize(("file_format", "options"), CASES)
def test_picture_without_its_metadata(file_format: str, options: dict[str, object]) -> None:
    content = picture(file_format, 6, **options)
    done = wiped(content + b"a film after it", file_format)
    assert len(done) == len(content)
    before, after = opened(content), opened(done)
    assert before.tobytes() == after.tobytes()
    assert after.info["icc_profile"] == PROFILE
    assert dict(after.getexif()) == {0x0112: 6}
    assert ImageOps.exif_transpose(after).size == (48, 64)
    assert not any(SECRET in str(value) for value in after.info.values())
    assert SECRET.encode() not in done
    # Once is enough.
    assert wiped(done, file_format) == done


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_upright_picture_stays_upright(file_format: str) -> None:
    done = wiped(picture(file_format, orientation=1), file_format)
    assert dict(opened(done).getexif()) == {0x0112: 1}


def test_animation_goes_on() -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "lime", "blue")]
    output = BytesIO()
    frames[0].save(
        output, "GIF", save_all=True, append_images=frames[1:], loop=3, comment=SECRET.encode()
    )
    done = wiped(output.getvalue() + b"<script>", "GIF")
    assert (SECRET.encode() in output.getvalue(), SECRET.encode() in done) == (True, False)
    after = opened(done)
    assert (after.n_frames, after.info["loop"], len(done)) == (3, 3, len(output.getvalue()))  # type: ignore[attr-defined]


def test_thumbnail_and_more_of_a_jpeg() -> None:
    content = picture("JPEG")
    more = b"".join(
        b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data
        for marker, data in (
            (0xE0, b"JFXX\0\x10" + SECRET.encode()),
            (0xED, b"Photoshop 3.0\0" + SECRET.encode()),
            (0xE2, b"MPF\0" + SECRET.encode()),
        )
    )
    done = wiped(content[:2] + b"\xff" + more + content[2:])
    assert SECRET.encode() not in done
    assert opened(done).tobytes() == opened(content).tobytes()


@pytest.mark.parametrize(
    "part",
    [
        b"\xff\xe0\0\x10CIFF\0" + b"secret 9\0",
        b"\xff\xee\0\x10PHOTO" + b"secret 9\0",
        b"\xff\xe0\0\x22JFIF\0\1\1\0\0\1\0\1\2\3" + b"secret 9" * 2 + b"\0\0",
    ],
)
def test_other_parts_in_the_place_of_those_of_jfif_and_adobe(part: bytes) -> None:
    content = picture("JPEG")
    done = wiped(content[:2] + part + content[2:])
    assert b"secret" not in done
    assert opened(done).tobytes() == opened(content).tobytes()


def test_jpeg_that_was_cut_off_is_shown_as_far_as_it_goes() -> None:
    content = picture("JPEG")
    cut = content[: len(content) - 100]
    assert len(wiped(cut)) == len(cut)


def test_large_text_of_a_png() -> None:
    data = b"Comment\0" + b"x" * 200_000
    chunk = b"tEXt" + data
    checked = struct.pack(">I", len(data)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    content = picture("PNG")
    done = wiped(content[:-12] + checked + content[-12:], "PNG")
    assert b"x" * 100 not in done
    assert opened(done).tobytes() == opened(content).tobytes()


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_damaged_picture_is_none(file_format: str) -> None:
    content = picture(file_format)
    head = 40 if file_format == "JPEG" else len(content) - 20
    for damaged in (content[:head], content[:12], content[:12] + b"\0" * 300):
        with pytest.raises(DamagedError):
            wiped(damaged, file_format)


@pytest.mark.parametrize(
    ("file_format", "part"),
    [
        ("JPEG", b"\xff\xfe\0\2"),
        ("JPEG", b"\xff\x01"),
        ("PNG", b"\0\0\0\0tEXt" + struct.pack(">I", zlib.crc32(b"tEXt"))),
        ("GIF", b"!\xfe\0"),
    ],
)
def test_picture_in_too_many_parts_is_none(file_format: str, part: bytes) -> None:
    content = picture(file_format)
    at = {"JPEG": 2, "PNG": 8, "GIF": 13 + 3 * 2 ** ((content[10] & 7) + 1)}[file_format]
    with pytest.raises(DamagedError):
        wiped(content[:at] + part * MAX_PARTS + content[at:], file_format)


def test_part_that_is_longer_than_its_picture() -> None:
    assert set(FORMATS) == {"image/jpeg", "image/png", "image/webp", "image/gif"}
    for content, file_format in (
        (b"\xff\xd8\xff\xe1\0\1", "JPEG"),
        (b"\xff\xd8\xff\xe1\xff\xff1234567890123456", "JPEG"),
        (b"GIF89a" + bytes(7) + b"?", "GIF"),
        (b"RIFF\x14\0\0\0WEBPEXIF\xff\0\0\0" + bytes(20), "WEBP"),
        # As of an encoder that could not go back to write it.
        (b"RIFF\0\0\0\0" + picture("WEBP")[8:], "WEBP"),
    ):
        with pytest.raises(DamagedError):
            wiped(content, file_format)


def test_comment_that_ends_too_early_is_not_filled() -> None:
    content = picture("GIF")
    file = BytesIO(content[: content.index(SECRET.encode()) + 3])
    size = len(file.getvalue())
    with pytest.raises(DamagedError):
        wipe_metadata(file, "image/gif")
    assert len(file.getvalue()) == size


def test_other_types_stay_as_they_are() -> None:
    assert wiped(b"%PDF-", "pdf") == b"%PDF-"


@pytest.mark.parametrize("head", [b"!\xff\x0bXMP DataXMP", b"!\x01\x0c" + bytes(12)])
def test_other_extensions_of_a_gif(head: bytes) -> None:
    content = picture("GIF")
    at = 13 + 3 * 2 ** ((content[10] & 7) + 1)
    done = wiped(content[:at] + head + b"\x06secret\0" + content[at:], "GIF")
    assert b"secret" not in done
    assert opened(done).tobytes() == opened(content).tobytes()


def test_part_of_odd_length_in_a_webp() -> None:
    content = picture("WEBP") + b"XYZ \x03\0\0\0abc\0XYZ \x06\0\0\0secret"
    done = wiped(content[:4] + struct.pack("<I", len(content) - 8) + content[8:], "WEBP")
    assert (len(done), b"secret" in done) == (len(content), False)


def test_webp_that_was_cut_off_is_none() -> None:
    with pytest.raises(DamagedError):
        wiped(picture("WEBP")[:-2], "WEBP")


def test_webp_in_too_many_parts_is_none() -> None:
    content = picture("WEBP") + b"XYZ \0\0\0\0" * MAX_PARTS
    with pytest.raises(DamagedError):
        wiped(content[:4] + struct.pack("<I", len(content) - 8) + content[8:], "WEBP")


def test_gif_in_too_many_small_parts_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ngw2f.text.picture_metadata.MAX_SMALL_PARTS", 3)
    with pytest.raises(DamagedError):
        wiped(picture("GIF"), "GIF")


def test_marker_between_two_pieces_of_a_scan() -> None:
    content = wiped(picture("JPEG"))
    assert content.endswith(b"\xff\xd9")
    start = content.index(b"\xff\xda")
    scan = start + 2 + int.from_bytes(content[start + 2 : start + 4])
    padding = PIECE_BYTES - 1 - (len(content) - 2 - scan)
    whole = content[:-2] + b"x" * padding + b"\xff\xd9"
    assert wiped(whole + b"a film after it") == whole


def test_large_part_of_exif_is_wiped_to_its_end() -> None:
    data = b"Exif\0\0" + b"x" * 69_988 + b"secret"
    webp = picture("WEBP") + b"EXIF" + struct.pack("<I", len(data)) + data
    done = wiped(webp[:4] + struct.pack("<I", len(webp) - 8) + webp[8:], "WEBP")
    assert b"secret" not in done
