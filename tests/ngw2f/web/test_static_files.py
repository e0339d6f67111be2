import gzip
import re
from pathlib import Path

from ngw2f.web.static_files import DIRECTORY, StaticFiles

TEMPLATES = DIRECTORY.with_name("templates")
FIRST_BYTES = 20_000


def test_file_that_changes_has_another_url(tmp_path: Path) -> None:
    path = tmp_path / "chat.js"
    path.write_text("1")
    static = StaticFiles(tmp_path)
    first = static("chat.js")
    assert static("chat.js") is first
    path.write_text("22")
    second = static("chat.js")
    assert (second.url != first.url, second.integrity != first.integrity) == (True, True)
    assert second.url.startswith("/static/chat.js?v=")


def test_first_load_of_a_room_brings_little_script() -> None:
    layout, scripts = ((TEMPLATES / f"{name}.html").read_text() for name in ("layout", "scripts"))
    first, later = scripts.split('<template id="later">')
    names = set(
        re.findall(r'static\("(\w+\.js)"\)', layout + first + later.split("</template>")[1])
    )
    assert {"app.js", "chat.js", "composer.js"} <= names
    sizes = {name: len(gzip.compress((DIRECTORY / name).read_bytes())) for name in names}
    assert sum(sizes.values()) <= FIRST_BYTES, sizes
