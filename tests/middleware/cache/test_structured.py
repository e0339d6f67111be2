from __future__ import annotations

import base64
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from middleware.cache.structured import (
    Date,
    DisplayString,
    InnerList,
    Item,
    Member,
    StructuredFieldError,
    Token,
    parse_dictionary,
    parse_item,
    parse_list,
    serialize_string,
    serialize_token_or_string,
)

# A checkout of github.com/httpwg/structured-field-tests.
VECTORS = os.environ.get("SF_TESTS_DIR")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", 42),
        ("-7", -7),
        ("1.5", Decimal("1.5")),
        ('"a \\"b\\" \\\\"', 'a "b" \\'),
        ("a/b:c", Token("a/b:c")),
        ("?1", True),
        ("?0", False),
        (":aGk=:", b"hi"),
        ("@0", Date(0)),
        ('%"f%c3%bc"', DisplayString("fü")),
        ("  1  ", 1),
    ],
)
def test_bare_items(text: str, value: object) -> None:
    read = parse_item(text).value
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.",
        ".5",
        "1234567890123456",
        "1.1234",
        '"',
        '"ä"',
        '"\\a"',
        "?2",
        ":a:",
        ":%:",
        "@1.5",
        "@a",
        '%"%ff"',
        '%"%zz"',
        "1 2",
        "é",
        "²",
        "--1",
        "a;",
        "a;B=1",
    ],
)
def test_what_is_no_item(text: str) -> None:
    with pytest.raises(StructuredFieldError):
        parse_item(text)


def test_parameters_belong_to_the_item() -> None:
    assert parse_item("a;b;c=2; d=?0").parameters == {"b": True, "c": 2, "d": False}


def test_lists_hold_items_and_inner_lists() -> None:
    assert parse_list('"a", (b 1);x') == [
        Item("a"),
        InnerList((Item(Token("b")), Item(1)), {"x": True}),
    ]


def test_empty_list_has_no_members() -> None:
    assert parse_list("") == []


@pytest.mark.parametrize("text", ["a,", "a b", "(a", "(a,b)", "a,,b", '("a""b")'])
def test_what_is_no_list(text: str) -> None:
    with pytest.raises(StructuredFieldError):
        parse_list(text)


def test_later_value_of_a_key_counts() -> None:
    assert parse_dictionary("a=1, b, a=(2)") == {"a": InnerList((Item(2),)), "b": Item(True)}


@pytest.mark.parametrize("text", ["MaX-aGe=1", "a =1", "a= 1", "a=1,", "&&"])
def test_what_is_no_dictionary(text: str) -> None:
    with pytest.raises(StructuredFieldError):
        parse_dictionary(text)


def test_strings_are_escaped() -> None:
    assert serialize_string('a"\\') == '"a\\"\\\\"'


@pytest.mark.parametrize("text", ["ä", "a\n"])
def test_only_printable_ascii_is_written(text: str) -> None:
    with pytest.raises(StructuredFieldError):
        serialize_string(text)


def test_names_are_tokens_where_they_can_be() -> None:
    assert [serialize_token_or_string(name) for name in ("chat", "my chat")] == [
        "chat",
        '"my chat"',
    ]


def plain(value: Any) -> Any:
    """Write a value as the vectors do."""
    if isinstance(value, DisplayString):
        return {"__type": "displaystring", "value": str(value)}
    if isinstance(value, Token):
        return {"__type": "token", "value": str(value)}
    if isinstance(value, bytes):
        return {"__type": "binary", "value": base64.b32encode(value).decode()}
    if isinstance(value, Date):
        return {"__type": "date", "value": int(value)}
    return float(value) if isinstance(value, Decimal) else value


def plain_member(member: Member) -> list[Any]:
    parameters = [[key, plain(value)] for key, value in member.parameters.items()]
    if isinstance(member, InnerList):
        return [[plain_member(item) for item in member.items], parameters]
    return [plain(member.value), parameters]


def read_vector(kind: str, text: str) -> Any:
    if kind == "list":
        return [plain_member(member) for member in parse_list(text)]
    if kind == "dictionary":
        return [[key, plain_member(member)] for key, member in parse_dictionary(text).items()]
    return plain_member(parse_item(text))


def vectors() -> list[Any]:
    if not VECTORS:
        skip = pytest.mark.skip(reason="SF_TESTS_DIR names no checkout of structured-field-tests")
        return [pytest.param({}, marks=skip)]
    files = sorted(Path(VECTORS).glob("*.json"))
    return [
        pytest.param(vector, id=f"{file.stem}: {vector['name']}")
        for file in files
        for vector in json.loads(file.read_text())
    ]


@pytest.mark.parametrize("vector", vectors())
def test_vectors_of_the_http_working_group(vector: dict[str, Any]) -> None:
    text = ", ".join(vector["raw"])
    if vector.get("must_fail"):
        with pytest.raises(StructuredFieldError):
            read_vector(vector["header_type"], text)
    else:
        assert read_vector(vector["header_type"], text) == vector["expected"]
