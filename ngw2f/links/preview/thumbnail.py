"""Make thumbnails of strangers' images, which readers get instead of the originals.

Images attack decoders, so little reaches one: four formats, whose size is checked before anything
is decoded. Pillow warns only from 89 million pixels on (`Image.MAX_IMAGE_PIXELS`), several times
what a worker of 200 MB can hold.
"""

import threading
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Final

from PIL import Image, PngImagePlugin

from ngw2f.links.guard.errors import LinkFailed
from ngw2f.links.preview.form import OF_LINK, Form
from ngw2f.links.preview.jpeg import has_one_scan
from ngw2f.links.preview.orientation import ON_ITS_SIDE, TURNS
from ngw2f.text.exif import read_orientation

# The accepted formats, and the pixels of each that take some 75 MB in the worst case. Measured:
# 6 bytes a pixel for a progressive JPEG (its coefficients), 8 for a PNG with alpha (a second
# copy, premultiplied), 5 for a GIF, and 16 for a WebP (an animation's canvases).
MAX_PIXELS: Final = MappingProxyType(
    {"JPEG": 12_600_000, "PNG": 8_000_000, "GIF": 8_000_000, "WEBP": 4_000_000}
)
# Photos of telephones have more. A JPEG that has all of them in one scan is decoded line by line,
# at down to an eighth of its size. (From here on, Pillow warns.)
MAX_PIXELS_OF_A_SCAN: Final = 89_000_000
MAX_SIDE: Final = 16_383  # WebP's limit; a longer strip is not a picture.
# Limits for work that costs an attacker only a few bytes. Each scan of a progressive JPEG visits
# all its pixels: 26 bytes cost 10 ms. Encoders write about ten. A segment of a JPEG or a chunk of
# a PNG occupies a few hundred bytes and takes up to four reads; pictures have a few, and libpng
# writes one per 8 kB. Each EXIF of a JPEG, up to 64 kB, is parsed tag by tag; a file with several
# pictures has one for each.
MAX_SCANS: Final = 64
MAX_READS: Final = 20_000
MAX_EXIFS: Final = 4
# A character of a PNG's text takes four bytes if any character of the text needs them.
MAX_TEXT_CHARACTERS: Final = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A WebP image without metadata; sizes in pixels."""

    body: bytes
    width: int
    height: int
    media_type: str = "image/webp"


class _Source(BytesIO):
    """An image's bytes, with a limited number of reads."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._reads_left = MAX_READS

    def read(self, size: int | None = -1) -> bytes:
        self._reads_left -= 1
        if self._reads_left < 0:
            raise LinkFailed("image", "the image is in too many pieces")
        return super().read(size)


class Thumbnailer:
    """Makes one thumbnail at a time, even with many threads, to bound memory.

    Creating one lowers Pillow's limit for texts in PNGs from 64 MB, for the whole process.
    """

    def __init__(self) -> None:
        # Pillow has no other way to set it.
        PngImagePlugin.MAX_TEXT_MEMORY = MAX_TEXT_CHARACTERS
        self._turn = threading.Lock()

    def count_pixels(self, body: bytes) -> int:
        """Return an image's number of pixels, without decoding it; raise `LinkFailed`."""
        try:
            with self._open(body) as image:
                return image.width * image.height
        except LinkFailed:
            raise
        except Exception as error:  # As below.
            raise LinkFailed("image", "the image cannot be read") from error

    def make(self, body: bytes, form: Form = OF_LINK) -> Thumbnail:
        """Return a thumbnail of an image's first frame; raise `LinkFailed` of kind `image`.

        An image smaller than the box keeps its size. The bytes determine the type, whatever the
        site declares.
        """
        with self._turn:
            try:
                return self._make(body, form)
            except LinkFailed:
                raise
            except Exception as error:
                # Pillow's decoders raise OSError, SyntaxError, ValueError, EOFError, struct.error,
                # zlib.error, IndexError and more on damaged files; there is no common base.
                raise LinkFailed("image", "the image cannot be read") from error

    def _make(self, body: bytes, form: Form) -> Thumbnail:
        with self._open(body) as checked:
            checked.verify()  # Checksums; leaves the image unusable.
        with self._open(body) as image:
            image.draft("RGB", form.box)  # Decodes a JPEG at down to an eighth of its size.
            small = _shrink(image, form.box)
        output = BytesIO()
        small.save(output, "WEBP", quality=form.quality, method=4)
        return Thumbnail(output.getvalue(), small.width, small.height)

    def _open(self, body: bytes) -> Image.Image:
        _check_repeats(body)
        image = Image.open(_Source(body), formats=tuple(MAX_PIXELS))
        # A JPEG with several frames (MPO) has its own format name, and a JPEG's decoder.
        max_pixels = MAX_PIXELS.get(image.format or "", MAX_PIXELS["JPEG"])
        if image.mode == "CMYK":  # One component more.
            max_pixels = max_pixels * 3 // 4
        elif image.format in ("JPEG", "MPO") and has_one_scan(body):
            max_pixels = MAX_PIXELS_OF_A_SCAN
        if image.width * image.height > max_pixels or max(image.size) > MAX_SIDE:
            image.close()
            raise LinkFailed("image", f"the image has {image.width} by {image.height} pixels")
        return image


def _shrink(image: Image.Image, box: tuple[int, int]) -> Image.Image:
    """Scale, rotate by EXIF, and copy only the pixels: no metadata, no palette."""
    image.load()  # A PNG may have its EXIF after its pixels.
    orientation = read_orientation(image.info.get("exif", b""))
    has_alpha = image.has_transparency_data
    if image.mode not in ("L", "RGB", "RGBA"):
        image = image.convert("RGBA" if has_alpha else "RGB")
    image.thumbnail(
        box[::-1] if orientation in ON_ITS_SIDE else box,
        Image.Resampling.LANCZOS,
        reducing_gap=2.0,
    )
    if orientation in TURNS:
        image = image.transpose(TURNS[orientation])
    turned = image.convert("RGBA" if has_alpha else "RGB")
    return Image.frombytes(turned.mode, turned.size, turned.tobytes())


def _check_repeats(body: bytes) -> None:
    """Refuse a JPEG crafted to be slow; its markers never occur in pixel data."""
    if body.startswith(b"\xff\xd8"):
        if body.count(b"\xff\xda") > MAX_SCANS:
            raise LinkFailed("image", f"the image has more than {MAX_SCANS} scans")
        if body.count(b"Exif\0\0") > MAX_EXIFS:
            raise LinkFailed("image", f"the image has more than {MAX_EXIFS} parts of EXIF")
