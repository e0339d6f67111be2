"""Small pictures made of strangers' images, which readers get instead of these.

A decoder is the part of a server that an image attacks, so little reaches one: four formats, with
their size checked before anything is decoded. Pillow's own limit (`Image.MAX_IMAGE_PIXELS`, 89
million, from where on it warns) is several times what a worker of 200 MB can hold.
"""

import threading
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Final

from PIL import Image, PngImagePlugin

from ngw2f.links.guard.errors import LinkFailed
from ngw2f.links.preview.orientation import ON_ITS_SIDE, TURNS, read_orientation

# What Pillow opens at all, and how many pixels of it: as many as take some 75 MB at their worst.
# Measured, that is 6 bytes a pixel for a progressive JPEG (its coefficients), 8 for a PNG with
# alpha (a second copy, premultiplied), 5 for a GIF, and 16 for a WebP (an animation's canvases).
MAX_PIXELS: Final = MappingProxyType(
    {"JPEG": 12_000_000, "PNG": 8_000_000, "GIF": 8_000_000, "WEBP": 4_000_000}
)
MAX_SIDE: Final = 16_383  # WebP's; a strip longer than that is no picture.
# What a stranger can have done again and again for a few bytes each. A scan of a progressive JPEG
# goes through all its pixels, 10 ms of them, for 26 bytes; encoders make some ten. A segment of a
# JPEG or a chunk of a PNG is kept as some hundred bytes and takes up to four reads; pictures have
# a few, and libpng makes one for 8 kB. Each EXIF of a JPEG, of 64 kB, is read tag by tag; one that
# holds several pictures has as many.
MAX_SCANS: Final = 64
MAX_READS: Final = 20_000
MAX_EXIFS: Final = 4
# A character of a PNG's text takes four bytes, if one of its text needs them.
MAX_TEXT_CHARACTERS: Final = 2 * 1024 * 1024
BOX: Final = (480, 320)
QUALITY: Final = 80

PngImagePlugin.MAX_TEXT_MEMORY = MAX_TEXT_CHARACTERS  # It is 64 times a megabyte.


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A WebP image without metadata; sizes in pixels."""

    body: bytes
    width: int
    height: int
    media_type: str = "image/webp"


class _Source(BytesIO):
    """An image's bytes, given out in so many pieces and no more."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._reads_left = MAX_READS

    def read(self, size: int | None = -1) -> bytes:
        self._reads_left -= 1
        if self._reads_left < 0:
            raise LinkFailed("image", "the image is in too many pieces")
        return super().read(size)


class Thumbnailer:
    """Makes one thumbnail at a time, however many threads ask, so that memory is bounded."""

    def __init__(self, box: tuple[int, int] = BOX) -> None:
        self._box = box
        self._turn = threading.Lock()

    def count_pixels(self, body: bytes) -> int:
        """Say how large an image is, without decoding it; raise `LinkFailed` as `make` does."""
        try:
            with self._open(body) as image:
                return image.width * image.height
        except LinkFailed:
            raise
        except Exception as error:  # As below.
            raise LinkFailed("image", "the image cannot be read") from error

    def make(self, body: bytes) -> Thumbnail:
        """Make the thumbnail of an image, of its first frame; raise `LinkFailed` of kind `image`.

        An image smaller than the box keeps its size. The type is read from the bytes; what the
        site called it plays no part.
        """
        with self._turn:
            try:
                return self._make(body)
            except LinkFailed:
                raise
            except Exception as error:
                # Pillow's decoders raise OSError, SyntaxError, ValueError, EOFError, struct.error,
                # zlib.error, IndexError and more on damaged files; there is no common base.
                raise LinkFailed("image", "the image cannot be read") from error

    def _make(self, body: bytes) -> Thumbnail:
        with self._open(body) as checked:
            checked.verify()  # Checksums; leaves the image unusable.
        with self._open(body) as image:
            image.draft("RGB", self._box)  # A JPEG is decoded at an eighth where that is enough.
            small = self._shrink(image)
        output = BytesIO()
        small.save(output, "WEBP", quality=QUALITY, method=4)
        return Thumbnail(output.getvalue(), small.width, small.height)

    def _open(self, body: bytes) -> Image.Image:
        _check_repeats(body)
        image = Image.open(_Source(body), formats=tuple(MAX_PIXELS))
        # A JPEG with more frames (MPO) says its own name, and is a JPEG to its decoder.
        max_pixels = MAX_PIXELS.get(image.format or "", MAX_PIXELS["JPEG"])
        if image.mode == "CMYK":  # One component more.
            max_pixels = max_pixels * 3 // 4
        if image.width * image.height > max_pixels or max(image.size) > MAX_SIDE:
            image.close()
            raise LinkFailed("image", f"the image has {image.width} by {image.height} pixels")
        return image

    def _shrink(self, image: Image.Image) -> Image.Image:
        """Scale, turn as EXIF says, and copy the pixels alone: no metadata, no palette."""
        image.load()  # A PNG may say it after its pixels.
        orientation = read_orientation(image.info.get("exif", b""))
        has_alpha = image.has_transparency_data
        if image.mode not in ("L", "RGB", "RGBA"):
            image = image.convert("RGBA" if has_alpha else "RGB")
        image.thumbnail(
            self._box[::-1] if orientation in ON_ITS_SIDE else self._box,
            Image.Resampling.LANCZOS,
            reducing_gap=2.0,
        )
        if orientation in TURNS:
            image = image.transpose(TURNS[orientation])
        turned = image.convert("RGBA" if has_alpha else "RGB")
        return Image.frombytes(turned.mode, turned.size, turned.tobytes())


def _check_repeats(body: bytes) -> None:
    """Refuse a JPEG that is made to be read for long; its markers stand nowhere in its pixels."""
    if body.startswith(b"\xff\xd8"):
        if body.count(b"\xff\xda") > MAX_SCANS:
            raise LinkFailed("image", f"the image has more than {MAX_SCANS} scans")
        if body.count(b"Exif\0\0") > MAX_EXIFS:
            raise LinkFailed("image", f"the image has more than {MAX_EXIFS} parts of EXIF")
