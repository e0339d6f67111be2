"""Pages of other origins: those that `trusted_origins` names read and write, all others do not."""

from collections.abc import Callable
from typing import Any

import pytest
from webtest import TestResponse

from ngw2f.server.service import Service
from ngw2f.settings import Settings
from ngw2f.web import origins
from ngw2f.web.openapi.document import build_document
from ngw2f.web.openapi.fields import IN_HEADER
from ngw2f.web.openapi.operations import OPERATIONS
from tests.client import PASSWORD, Client, basic

FRIEND = "https://app.example.org"
OTHER_FRIEND = "http://localhost:3000"
STRANGER = "https://evil.example"
ALLOW = "Access-Control-Allow-Origin"

# What browsers let every page read, or send (Fetch Standard, section 2.2.2).
READABLE = {"Cache-Control", "Content-Language", "Content-Length", "Content-Type", "Expires",
            "Last-Modified", "Pragma"}  # fmt: skip
FOR_OPERATORS = {"/healthz", "/readyz", "/metrics"}


@pytest.fixture
def service(build: Callable[..., Service]) -> Service:
    return build(trusted_origins=[FRIEND, OTHER_FRIEND])


def crossed(origin: str, **more: str) -> dict[str, str]:
    """Return what a browser adds to the request of a page of another origin."""
    return {"Origin": origin, "Sec-Fetch-Site": "cross-site", **more}


def test_trusted_page_registers_signs_in_posts_and_reads(client: Client) -> None:
    user = {"nickname": "ann", "password": PASSWORD}
    assert client.post_json("/api/users", user, headers=crossed(FRIEND), status=201).headers[ALLOW]
    secret = crossed(FRIEND, Authorization=basic("ann", PASSWORD))
    token = client.post("/api/tokens", headers=secret, status=200).json["token"]
    ann = crossed(FRIEND, Authorization=f"Bearer {token}")
    posted = client.post_json("/api/messages", {"source": "hello"}, headers=ann, status=201)
    assert posted.headers[ALLOW] == FRIEND
    assert "Location" in posted.headers["Access-Control-Expose-Headers"]
    assert client.sources(headers=crossed(FRIEND)) == ["hello"]


@pytest.mark.parametrize("origin", [STRANGER, "null", "https://app.example.org.evil.example"])
def test_untrusted_page_gets_nothing(client: Client, origin: str) -> None:
    ann = client.join("ann")
    answer = client.get("/api/messages", headers=crossed(origin))
    assert ALLOW not in answer.headers
    posted = client.post_json("/api/messages", {"source": "x"}, headers=crossed(origin) | ann)
    assert posted.status_int == 403
    assert ALLOW not in posted.headers
    assert client.sources() == []


def preflight(client: Client, path: str, origin: str, method: str = "POST") -> TestResponse:
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "x"}
    return client.options(path, headers=crossed(origin, **asked))


def test_preflight(client: Client) -> None:
    answer = preflight(client, "/api/messages", FRIEND)
    assert answer.status_int == 204
    assert answer.headers[ALLOW] == FRIEND
    assert int(answer.headers["Access-Control-Max-Age"]) >= 3600
    assert ALLOW not in preflight(client, "/api/messages", STRANGER).headers


def test_cached_answer_is_for_the_origin_that_asks(client: Client) -> None:
    client.join("ann")
    asked = (None, FRIEND, OTHER_FRIEND, STRANGER, FRIEND)
    answers = [client.get("/api/users", headers=crossed(each) if each else {}) for each in asked]
    expected = [None, FRIEND, OTHER_FRIEND, None, FRIEND]
    assert [answer.headers.get(ALLOW) for answer in answers] == expected
    assert "hit" in answers[-1].headers["Cache-Status"]
    assert all("Origin" in answer.headers["Vary"] for answer in answers)


def fails(*_arguments: Any, **_options: Any) -> Any:
    raise RuntimeError("on purpose")


def test_errors_of_all_layers_can_be_read(
    client: Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def status_of(answer: TestResponse) -> int:
        assert answer.headers[ALLOW] == FRIEND
        return int(answer.status_int)

    headers = crossed(FRIEND)
    assert status_of(client.get("/api/nothing", headers=headers)) == 404
    assert status_of(client.put("/api/users", headers=headers)) == 405
    assert status_of(client.post_json("/api/messages", {}, headers=headers)) == 401
    wrong = crossed(FRIEND, Authorization=basic("ann", "wrong"))
    statuses = {status_of(client.post("/api/tokens", headers=wrong)) for _ in range(61)}
    assert statuses == {401, 429}
    monkeypatch.setattr(service.services.core.database, "reading", fails)
    assert status_of(client.get("/api/messages/1", headers=headers)) == 500


def test_maintenance_can_be_read(client: Client, service: Service) -> None:
    (service.services.core.settings.data_path / "maintenance").touch()
    answer = client.get("/api/messages", headers=crossed(FRIEND))
    assert (answer.status_int, answer.headers[ALLOW]) == (503, FRIEND)


def test_pages_and_their_forms_stay_ours(client: Client) -> None:
    assert ALLOW not in client.get("/", headers=crossed(FRIEND)).headers
    form = {"nickname": "ann", "password": PASSWORD}
    assert client.post("/login", form, headers=crossed(FRIEND)).status_int == 403
    assert client.get("/api/users").json["users"] == []


def test_trusted_page_cannot_act_with_a_cookie(client: Client) -> None:
    """As it could from another origin of the same site, to which browsers send it."""
    client.sign_in("ann")
    same_site = {"Origin": FRIEND, "Sec-Fetch-Site": "same-site"}
    assert client.post_json("/api/messages", {"source": "x"}, headers=same_site).status_int == 401
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post_json("/api/messages", {"source": "x"}, headers=own).status_int == 201


def test_without_the_setting_nothing_is_shared(build: Callable[..., Service]) -> None:
    client = Client(build())
    answer = client.get("/api/users", headers=crossed(FRIEND))
    assert ALLOW not in answer.headers
    assert "Origin" not in answer.headers.get("Vary", "")
    assert ALLOW not in preflight(client, "/api/users", FRIEND).headers
    assert client.post("/api/users", headers=crossed(FRIEND)).status_int == 403


@pytest.mark.parametrize(("origin", "status"), [(FRIEND, 200), (STRANGER, 400)])
def test_socketio_by_polling(client: Client, origin: str, status: int) -> None:
    answer = client.get("/socket.io/?EIO=4&transport=polling", headers=crossed(origin))
    assert answer.status_int == status
    assert answer.headers.get(ALLOW) == (FRIEND if status == 200 else None)
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_all_that_the_api_sends_and_takes_is_shared() -> None:
    document = build_document(Settings())
    fields = set(document["components"]["headers"])
    assert fields <= READABLE | set(origins.RESPONSE_FIELDS)
    assert set(IN_HEADER) <= set(origins.REQUEST_FIELDS)
    paths = {each.path for each in OPERATIONS} - FOR_OPERATORS
    assert [path for path in paths if not path.startswith(origins.PATHS)] == []
    methods = {each.method.upper() for each in OPERATIONS}
    assert methods <= set(origins.METHODS)
