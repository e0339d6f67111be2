"""The description says what the code does: its paths, its bounds, its shapes."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from ngw2f.api_resources import MAX_ID
from ngw2f.routes import build_url_map
from ngw2f.server.service import Service
from ngw2f.settings import Settings
from ngw2f.text.names import InvalidNameError, check_nickname, check_room_name
from ngw2f.text.password import InvalidPasswordError, prepare_password
from ngw2f.text.plain import InvalidTextError, check_source
from ngw2f.web.openapi.document import build_document
from ngw2f.web.openapi.operations import OPERATIONS
from ngw2f.web.socketio import SocketIOGateway
from tests.client import Client

# What people see, and browsers send.
PAGES = {
    "/",
    "/login",
    "/logout",
    "/manifest.webmanifest",
    "/service-worker.js",
    "/account",
    "/account/nickname",
    "/account/theme",
    "/account/language",
    "/account/tokens",
    "/account/tokens/{token_id}",
    "/account/sessions",
    "/account/delete",
    "/rooms",
    "/rooms/{name}",
    "/rooms/{name}/read",
    "/rooms/{name}/{room_id}/read",
    "/messages/{message_id}/unread",
    "/rooms/{name}/files",
    "/rooms/{name}/{room_id}/files",
    "/direct/{room_id}/files",
    "/rooms/{name}/mute",
    "/join/{code}",
    *(f"/admin{page}" for page in ("", "/log", "/registration", "/invitations")),
    "/admin/invitations/{invitation_id}",
    "/admin/accounts/{user_id}",
    "/direct",
    *(f"/direct/{{room_id}}{page}" for page in ("", "/read", "/mute", "/details")),
    *(
        f"/rooms/{{name}}{room}/{page}"
        for room in ("", "/{room_id}")
        for page in ("details", "archive", "members", "members/remove", "leave")
    ),
    "/rooms/{name}/{room_id}/mute",
    "/inbox",
    "/rooms/{name}/{room_id}",
    "/messages/{message_id}",
    "/messages/{message_id}/edit",
    "/messages/{message_id}/delete",
    "/messages/{message_id}/react",
    "/messages/{message_id}/reactions",
    "/messages/{message_id}/reply",
    "/messages/{message_id}/restore",
    "/search",
    "/thumbnails/{name}",
    "/files/{file_id}/{file_name}/picture",
}
# Answered before the chat (app.py).
BEFORE_THE_CHAT = {("get", "/healthz")}
DOCUMENT = build_document(Settings())


def routed() -> set[tuple[str, str]]:
    """Return the methods and paths of the URL map that are not pages."""
    rules = build_url_map(SocketIOGateway.__new__(SocketIOGateway)).iter_rules()
    found = [(re.sub("<(?:id:)?([a-z_]+)>", r"{\1}", rule.rule), rule) for rule in rules]
    return {
        (method.lower(), path)
        for path, rule in found
        if path not in PAGES
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def member(shape: str, name: str) -> dict[str, Any]:
    schema = DOCUMENT["components"]["schemas"][shape]["properties"][name]
    found: dict[str, Any] = next(
        (each for each in schema.get("anyOf", []) if each["type"] == "string"), schema
    )
    return found


def test_every_path_and_method_is_described() -> None:
    described = {
        (method, path) for path, methods in DOCUMENT["paths"].items() for method in methods
    }
    assert described == routed() | BEFORE_THE_CHAT
    assert len(OPERATIONS) == len(described)


def test_description_is_valid() -> None:
    import schemathesis  # Takes a second, which each run would pay as it collects.

    schema = schemathesis.openapi.from_dict(DOCUMENT, config=schemathesis.Config())
    schema.validate()
    assert schema.specification.version == "3.1.0"
    operations: Iterator[Any] = schema.get_all_operations()
    names = [operation.ok().label for operation in operations]
    assert len(names) == len(OPERATIONS)


def test_parameters_of_paths_are_described() -> None:
    named = DOCUMENT["components"]["parameters"]
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            references = [each["$ref"] for each in operation.get("parameters", [])]
            used = [named[reference.rpartition("/")[2]] for reference in references]
            in_path = {each["name"] for each in used if each["in"] == "path"}
            assert in_path == set(re.findall("{([a-z_]+)}", path))


@pytest.mark.parametrize(
    ("shape", "name", "check", "error"),
    [
        ("NewUser", "nickname", check_nickname, InvalidNameError),
        ("ChangedUser", "nickname", check_nickname, InvalidNameError),
        ("NewUser", "password", prepare_password, InvalidPasswordError),
        ("ChangedUser", "password", prepare_password, InvalidPasswordError),
        ("NewRoom", "name", check_room_name, InvalidNameError),
        ("NewMessage", "source", lambda text: check_source(text, 10_000), InvalidTextError),
    ],
)
def test_bounds_are_those_of_the_code(
    shape: str,
    name: str,
    check: Callable[[str], str],
    error: type[Exception],
) -> None:
    schema = member(shape, name)
    for length in (schema["minLength"], schema["maxLength"]):
        assert check("x" * length)
    for length in (schema["minLength"] - 1, schema["maxLength"] + 1):
        with pytest.raises(error):
            check("x" * length)


def test_bound_of_a_message_is_the_setting() -> None:
    document = build_document(Settings(max_message_characters=500))
    assert (
        document["components"]["schemas"]["NewMessage"]["properties"]["source"]["maxLength"] == 500
    )


@pytest.mark.parametrize(
    "text",
    ["a", " a", "a\tb\nc\r\nd", "", " ", "\n", "\u200b", "\u2800", "\x00", "a\x7f", "\ufe0f",
     "\u3164", "\U0001f600", "\U000e0020", "\x85", "-"],
)  # fmt: skip
def test_pattern_of_a_message_is_the_code(text: str) -> None:
    pattern = member("NewMessage", "source")["pattern"]
    try:
        check_source(text, 10_000)
    except InvalidTextError:
        assert not re.search(pattern, text)
    else:
        assert re.search(pattern, text)


@pytest.mark.parametrize("name", ["before", "after", "beyond", "limit", "author", "online", "wait"])
def test_bounds_of_the_query_are_those_of_the_code(client: Client, name: str) -> None:
    parameter = DOCUMENT["components"]["parameters"][name]
    schema = parameter["schema"]
    path = {"online": "/api/users", "beyond": "/api/rooms", "wait": "/api/events"}.get(
        name, "/api/messages"
    )
    low, high = schema.get("minimum", 0), schema.get("maximum", 1)
    for value in (low - 1, high + 1, "", "x", "1.5"):
        assert client.get(path, {parameter["name"]: value}).status_int == 400
    # So long a wait would be waited.
    for value in {low, high} if name != "wait" else {low}:
        assert client.get(path, {parameter["name"]: value}).status_int == 200


def test_greatest_id_is_described(client: Client) -> None:
    for name in ("user_id", "room_id", "message_id"):
        assert DOCUMENT["components"]["parameters"][name]["schema"]["maximum"] == MAX_ID
    assert client.get(f"/api/users/{MAX_ID}").status_int == 404


@pytest.mark.parametrize(
    ("anonymous_read", "security"),
    [(True, [{}, {"bearer": []}, {"session": []}]), (False, [{"bearer": []}, {"session": []}])],
)
def test_who_may_read_is_the_setting(
    anonymous_read: bool, security: list[dict[str, list[object]]]
) -> None:
    document = build_document(Settings(anonymous_read=anonymous_read))
    assert document["paths"]["/api/rooms"]["get"]["security"] == security


def test_description_is_served_to_anybody(build: Callable[..., Service]) -> None:
    client = Client(build(anonymous_read=False))
    answer = client.get("/api/openapi.json", status=200)
    assert answer.content_type == "application/json"
    assert answer.json == msgspec.json.decode(
        msgspec.json.encode(build_document(Settings(anonymous_read=False)))
    )
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    headers = {"If-None-Match": answer.headers["ETag"]}
    assert client.get("/api/openapi.json", headers=headers).status_int == 304
