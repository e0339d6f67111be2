from pathlib import Path

from ngw2f.web.static_files import StaticFiles


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
