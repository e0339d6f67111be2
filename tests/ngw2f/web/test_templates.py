"""Templates are compiled once; a new release that replaces their files meets the old code."""

from jinja2 import DictLoader

from ngw2f.web.templates import Templates


def test_compiled_template_is_kept_when_its_file_is_replaced() -> None:
    environment = Templates().environment("en")
    files = {"page.txt": "{% include 'part.txt' %} old", "part.txt": "old"}
    environment.loader = DictLoader(files)
    assert environment.get_template("page.txt").render() == "old old"
    files.update({"page.txt": "new", "part.txt": "new"})
    assert environment.get_template("page.txt").render() == "old old"
