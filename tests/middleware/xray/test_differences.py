from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from middleware.chain import Layer
from middleware.xray.differences import (
    MAX_CHANGES,
    NO_DIFFERENCES,
    Change,
    changed_entries,
    differences_of_environs,
    differences_of_fields,
    is_same,
)
from middleware.xray.record import record
from tests.middleware.serving import answering, serve


def test_equal_text_is_no_change() -> None:
    before = {"a": "".join(["x", "y"]), "b": 5}
    assert changed_entries(before, {"a": "xy", "b": 5}) == ([], [])
    assert differences_of_environs(before, [], []) is NO_DIFFERENCES


def test_objects_are_compared_by_identity() -> None:
    class Hostile:
        def __eq__(self, other: object) -> bool:
            raise ValueError

        __hash__ = object.__hash__

    old, new = Hostile(), Hostile()
    assert is_same({"a": old}, {"a": old})
    assert not is_same({"a": old}, {"a": new})
    assert changed_entries({"a": old}, {"a": new}) == ([("a", old, new)], [])


def test_added_and_removed_entries_are_told_apart() -> None:
    before, after = {"a": "1", "b": "2"}, {"b": "3", "c": "4"}
    differences = differences_of_environs(before, *changed_entries(before, after))
    assert [change.sign for change in differences] == ["~", "+", "-"]
    assert differences.added == {"c": "4"}
    assert differences.changed == {"b": ("2", "3")}
    assert differences.removed == {"a": "1"}


def test_entry_with_another_name_is_two_changes() -> None:
    """Though the values are the same objects, in the same order."""
    before, after = {"a": "1", "b": "2"}, {"a": "1", "c": "2"}
    differences = differences_of_environs(before, *changed_entries(before, after))
    assert (differences.added, differences.removed) == ({"c": "2"}, {"b": "2"})


def test_secrets_are_hidden_on_both_sides() -> None:
    before, after = {"HTTP_COOKIE": "a=1"}, {"HTTP_COOKIE": "a=2"}
    (change,) = differences_of_environs(before, *changed_entries(before, after))
    assert change == Change("HTTP_COOKIE", "[hidden]", "[hidden]")


def test_fields_are_compared_by_name_and_all_lines() -> None:
    before = (("A", "1"), ("a", "2"), ("B", "3"))
    assert not differences_of_fields(before, (("a", "1, 2"), ("b", "3")))
    assert differences_of_fields(before, (("A", "1"), ("B", "3"))).changed == {"A": ("1, 2", "1")}


def test_number_of_changes_is_bounded() -> None:
    after = {f"n{n}": "" for n in range(MAX_CHANGES + 5)}
    differences = differences_of_environs({}, *changed_entries({}, after))
    assert len(list(differences)) == MAX_CHANGES


def test_equal_value_of_another_type_is_a_change_of_its_layer() -> None:
    def retyping(environ: WSGIEnvironment) -> None:
        # The order of the entries is no change.
        environ.update({"test.first": environ.pop("test.first"), "test.flag": 1})

    def layer(app: WSGIApplication, change: Callable[[WSGIEnvironment], Any]) -> WSGIApplication:
        def call(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            change(environ)
            return app(environ, start_response)

        return call

    changes: list[Callable[[WSGIEnvironment], Any]] = [
        len,
        lambda environ: environ.update({"test.flag": 1}),
        len,
        retyping,
        len,
    ]
    layers = [Layer(f"{n}", partial(layer, change=change), "") for n, change in enumerate(changes)]
    recorded = record(answering(), layers)
    serve(recorded, environ_base={"test.first": "1", "test.flag": True})
    found = {visit.name: visit.environ_changes.changed for visit in recorded.trace.visits}
    assert found.pop("1") == {"test.flag": ("True", "1")}
    assert not any(found.values())
