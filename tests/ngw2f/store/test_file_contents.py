from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from ngw2f.store.file_contents import FileContents


@pytest.mark.parametrize("size", [1, 100])
def test_picture_is_known_in_pieces_of_any_size(tmp_path: Path, size: int) -> None:
    output = BytesIO()
    Image.new("RGB", (8, 8)).save(output, "JPEG", comment="Rue du Secret")
    body = output.getvalue()
    contents = FileContents(tmp_path)
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    assert contents.write("00", pieces, len(body)) == (len(body), "image/jpeg")
    assert b"Secret" not in contents.path_of("00").read_bytes()
