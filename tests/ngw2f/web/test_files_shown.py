import pytest
from bs4 import BeautifulSoup

from ngw2f.api_resources import File
from ngw2f.web.live_markup import ShownMessage
from ngw2f.web.templates import Templates


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ((720, 405), (480, 270)),
        ((160, 480), (106, 318)),
        ((31, 400), (24, 310)),
        ((720, 7), (411, 4)),
        ((2, 480), (1, 240)),
        ((300, 300), (300, 300)),
        # As they were before they were made for dense screens.
        ((480, 270), (480, 270)),
        ((107, 320), (107, 320)),
    ],
)
def test_picture_is_shown_smaller_than_it_is(
    stored: tuple[int, int], shown: tuple[int, int]
) -> None:
    file = File.of(1, "a.png", 9, "image/png", *stored)
    message = ShownMessage(1, 1, 1, "", True, 0.0, 0.0, files=(file,))
    html = BeautifulSoup(Templates().fragment("files.html", "en")(message=message), "html.parser")
    (img,) = html.select("img")
    assert (int(str(img["width"])), int(str(img["height"]))) == shown
    # Nothing moves when the browser learns the picture's own ratio.
    assert shown[0] * stored[1] / stored[0] == pytest.approx(shown[1], abs=0.5)
