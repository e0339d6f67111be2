from __future__ import annotations

from typing import Any

from middleware.cache.environ_conditions import Conditions
from middleware.cache.parts import Request
from tests.middleware.cache.around import Client, Origin, entry, request


def conditions_of(
    asked: Request, *headers: tuple[str, str], answers_client: bool = True
) -> Conditions:
    candidates = [entry(*headers)] if headers else []
    return Conditions(asked, candidates, by_etag=False, answers_client=answers_client)


def asking(method: str = "GET") -> Request:
    return Request(request("/", method, If_None_Match='"client"'), "http://localhost/", {})


def test_own_conditions_take_the_place_of_the_clients_until_the_end() -> None:
    asked = asking()
    before = dict(asked.environ)
    conditions = conditions_of(asked, ("ETag", '"own"'))
    conditions.replace()
    assert asked.environ == before | {"HTTP_IF_NONE_MATCH": '"own"'}
    assert conditions.of_client == {"HTTP_IF_NONE_MATCH": '"client"'}
    conditions.restore()
    assert asked.environ == before


def test_withdrawn_conditions_leave_none_in_environ() -> None:
    asked = asking()
    conditions = conditions_of(asked, ("ETag", '"own"'))
    conditions.replace()
    asked.environ["SCRIPT_NAME"] = "/mount"
    conditions.withdraw()
    assert not conditions.are_asked
    assert "HTTP_IF_NONE_MATCH" not in asked.environ
    assert asked.environ["SCRIPT_NAME"] == ""


def test_application_may_evaluate_the_clients_conditions() -> None:
    asked = asking()
    conditions_of(asked, answers_client=False).replace()
    assert asked.environ["HTTP_IF_NONE_MATCH"] == '"client"'


def test_head_is_passed_with_its_conditions() -> None:
    asked = asking("HEAD")
    conditions = conditions_of(asked, ("ETag", '"own"'))
    conditions.replace()
    assert asked.environ["HTTP_IF_NONE_MATCH"] == '"client"'
    assert not conditions.are_replaced


def test_application_asked_again_finds_environ_as_it_was() -> None:
    paths: list[tuple[str, str]] = []

    def mount(environ: Any, start_response: Any) -> Any:
        paths.append((environ["SCRIPT_NAME"], environ["PATH_INFO"]))
        environ.update(SCRIPT_NAME="/mount", PATH_INFO="/page")
        is_asked = "HTTP_IF_NONE_MATCH" in environ
        start_response("304 Not Modified" if is_asked else "200 OK", [("ETag", '"b"')])
        return []

    client = Client(Origin(cache_control="max-age=0", etag='"a"'))
    client.ask("/mount/page")
    client.app = mount
    client.ask("/mount/page")
    assert paths == [("", "/mount/page")] * 2
