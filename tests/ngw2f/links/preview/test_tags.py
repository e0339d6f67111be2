import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngw2f.links.preview.tags import Tag, iterate_tags, unescape_attribute

ALL = frozenset({"a", "meta", "title", "script", "b", "p"})


def read(page: str) -> list[Tag]:
    return list(iterate_tags(page, ALL))


def read_attributes(tag: str) -> dict[str, str]:
    (found,) = read(tag)
    return found.attributes


@pytest.mark.parametrize(
    ("written", "attributes"),
    [
        ("<a>", {}),
        ("<a/>", {}),
        ("<A HREF='x'>", {"href": "x"}),
        ('<a href="x">', {"href": "x"}),
        ("<a href=x>", {"href": "x"}),
        ("<a href=x/>", {"href": "x/"}),
        ("<a href = x>", {"href": "x"}),
        ("<a\nhref\n=\n'x'\n>", {"href": "x"}),
        ("<a/href=x>", {"href": "x"}),
        ("<a href>", {"href": ""}),
        ("<a href=>", {"href": ""}),
        ("<a href=''>", {"href": ""}),
        ("<a href='a' href='b'>", {"href": "a"}),
        ("<a x='1'y='2'>", {"x": "1", "y": "2"}),
        ("<a x='<p>' y=\"it's\">", {"x": "<p>", "y": "it's"}),
        ("<a x='a > b'>", {"x": "a > b"}),
        ("<a x=a&amp;b>", {"x": "a&b"}),
    ],
)
def test_attributes_are_read(written: str, attributes: dict[str, str]) -> None:
    assert read_attributes(written) == attributes


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("a &amp; b", "a & b"),
        ("&lt;script&gt;", "<script>"),
        ("&#65;&#x42;", "AB"),
        ("&amp;amp;", "&amp;"),
        ("?a=1&copy=2", "?a=1&copy=2"),
        ("?a=1&copyright", "?a=1&copyright"),
        ("?a=1&copy", "?a=1©"),
        ("?a=1&amp", "?a=1&"),
        ("&nosuch;", "&nosuch;"),
        ("&", "&"),
        ("&#0;&#xD800;", "\ufffd\ufffd"),
        ("&#99999999999;", "\ufffd"),
        ("&#" + "9" * 5000, "\ufffd"),
    ],
)
def test_attribute_is_unescaped_as_in_browsers(written: str, text: str) -> None:
    assert unescape_attribute(written) == text


@pytest.mark.parametrize(
    "page",
    [
        "",
        "text",
        "<",
        "</ <a>",
        "<a",
        "<a ",
        "<a href='x'",
        "< a>",
        "<1a>",
        "<!-- <a> -->",
        "<!-- <a>",
        "<!--><!-- <a>-->",
        "<!doctype html '<a' >",
        "<?php <a ?>",
        "<script><a></script",
        "<script><a>",
        "<style><a></style>",
        "<textarea><a></textarea>",
        "<xmp><a></xmp>",
    ],
)
def test_what_is_no_tag_is_not_one(page: str) -> None:
    assert [tag for tag in read(page) if tag.name == "a"] == []


@pytest.mark.parametrize(
    "page", ["<!--><a>", "<!---><a>", "<!-- x --><a>", "<script><a></script><a>", "<x y='><a>'><a>"]
)
def test_tag_after_other_things_is_found(page: str) -> None:
    assert len([tag for tag in read(page) if tag.name == "a"]) == 1


def test_end_tags_are_told_apart() -> None:
    assert [(tag.name, tag.is_end) for tag in read("<b>x</b><p></P >")] == [
        ("b", False),
        ("b", True),
        ("p", False),
        ("p", True),
    ]


def test_title_is_unescaped_and_script_is_not() -> None:
    title, script = read("<title>a &lt;b&gt; <b> c</TITLE><script>1 &lt; 2</script>")[::2]
    assert title.text == "a <b> <b> c"
    assert script.text == "1 &lt; 2"


def test_endless_number_in_a_title_is_read() -> None:
    assert read(f"<title>a&#{'9' * 5000};b&#x{'f' * 5000}</title>")[0].text == "a\ufffdb\ufffd"


def test_many_attributes_are_cut() -> None:
    tag = "<a " + " ".join(f"x{each}" for each in range(200)) + ">"
    assert len(read_attributes(tag)) == 64


def test_thousands_of_attributes_end_the_page() -> None:
    assert read("<b><a " + "x " * 1000 + "><b>") == [Tag("b", False, {})]


def test_tags_after_many_dull_ones_are_found() -> None:
    assert len(read("<i>x</i><br/>" * 1000 + "<b>")) == 1


UNITS = [
    *("<", "<a ", "<!--", "<!", "<?", "</", "</ ", "</a ", '<a x="', "<a x='\"", "<a x='\"' "),
    *("<a b=", "<title>", "<title></title ", "<script>", "<script></ ", "<a ====", "<a a a a "),
    *("<a b=c>", "<meta b='c' d>", "<a x='&amp&#1;&not'>", "<!-->", "<!-- -- -", "&", "&amp"),
    *("<a foo='", "<a$", "<![CDATA[", "]]>", "<a/", "<a =", "<a\n=\n", "<a x = ", "<xmp>", "\0"),
]


# Half a second here; where it grew with the square it would be minutes.
MAX_SECONDS = 5


@pytest.mark.no_cover  # Its limit is of processor time.
@pytest.mark.parametrize("unit", UNITS)
def test_a_megabyte_of_malice_takes_no_second(unit: str) -> None:
    for page in (unit * (2**20 // len(unit)), "<a " + unit * (2**20 // len(unit)) + ">"):
        start = time.process_time()
        for _ in iterate_tags(page, ALL):
            pass
        assert time.process_time() - start < MAX_SECONDS


@given(st.lists(st.sampled_from(UNITS) | st.text(max_size=4)).map("".join))
def test_any_page_is_read(page: str) -> None:
    for tag in read(page):
        assert tag.name in ALL
        assert all(name == name.lower() for name in tag.attributes)
