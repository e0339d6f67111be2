"""The forms of thumbnails, without the library that makes them."""

from typing import Final, NamedTuple


class Form(NamedTuple):
    """How large a thumbnail may be, in pixels, and WebP's quality of it."""

    box: tuple[int, int]
    quality: int


OF_LINK: Final = Form((480, 320), 80)
# Shown at two thirds of its size, so that it is sharp on dense screens, which hide the artefacts
# of a lower quality. With a larger box, long strips would have to be decoded whole.
OF_FILE: Final = Form((720, 480), 70)
