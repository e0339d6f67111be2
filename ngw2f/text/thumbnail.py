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

from PIL import ExifTags, Image, ImageOps

from ngw2f.text.errors import LinkFailed

# What Pillow opens at all, and how many pixels of it: as many as take some 75 MB at their worst.
# Measured, that is 6 bytes a pixel for a progressive JPEG (its coefficients), 8 for a PNG with
# alpha (a second copy, premultiplied), 5 for a GIF, and 16 for a WebP (an animation's canvases).
MAX_PIXELS: Final = MappingProxyType(
    {"JPEG": 12_000_000, "PNG": 8_000_000, "GIF": 8_000_000, "WEBP": 4_000_000}
)
MAX_SIDE: Final = 16_383  # WebP's; a strip longer than that is no picture.
BOX: Final = (480, 320)
QUALITY: Final = 80


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A WebP image without metadata; sizes in pixels."""

    body: bytes
    width: int
    height: int
    media_type: str = "image/webp"


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
        image = Image.open(BytesIO(body), formats=tuple(MAX_PIXELS))
        # A JPEG with more frames (MPO) says its own name, and is a JPEG to its decoder.
        max_pixels = MAX_PIXELS.get(image.format or "", MAX_PIXELS["JPEG"])
        if image.width * image.height > max_pixels or max(image.size) > MAX_SIDE:
            image.close()
            raise LinkFailed("image", f"the image has {image.width} by {image.height} pixels")
        return image

    def _shrink(self, image: Image.Image) -> Image.Image:
        """Scale, turn as EXIF says, and copy the pixels alone: no metadata, no palette."""
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        is_on_its_side = orientation in (5, 6, 7, 8)
        has_alpha = image.has_transparency_data
        if image.mode not in ("L", "RGB", "RGBA"):
            image = image.convert("RGBA" if has_alpha else "RGB")
        image.thumbnail(
            self._box[::-1] if is_on_its_side else self._box,
            Image.Resampling.LANCZOS,
            reducing_gap=2.0,
        )
        turned = ImageOps.exif_transpose(image).convert("RGBA" if has_alpha else "RGB")
        return Image.frombytes(turned.mode, turned.size, turned.tobytes())
