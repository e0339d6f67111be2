"""Administration by the API and by forms, as a browser without JavaScript sends them."""

import pytest

from ngw2f.server.service import Service
from tests.client import BROWSER, PASSWORD, Client, basic
from tests.ngw2f.web.browsing import form_of, page, submit, texts

STRONG = "open barley"


@pytest.fixture
def root(client: Client) -> Client:
    """Return the browser of the first account, which administers."""
    client.sign_in("root")
    return client


@pytest.fixture
def bob(root: Client, service: Service) -> Client:
    browser = Client(service)
    browser.sign_in("bob")
    return browser


def act(root: Client, user_id: int, do: str) -> str:
    """Press a button of an account; return the reason if it is refused."""
    fields = {"do": do}
    answer = root.post(f"/admin/accounts/{user_id}", fields, headers=BROWSER)
    return "".join(texts(answer, "[role=alert]")) if answer.status_int != 303 else ""


@pytest.mark.parametrize("path", ["/admin", "/admin/log"])
def test_pages_are_for_administrators(
    root: Client, bob: Client, service: Service, path: str
) -> None:
    assert page(root, path).status_int == 200
    page(bob, path, 403)
    assert texts(page(Client(service), path, 401), "h1") == ["Sign in"]


@pytest.mark.parametrize(
    "path", ["registration", "invitations", "invitations/1", "accounts/1", "accounts/2"]
)
def test_forms_are_for_administrators(bob: Client, service: Service, path: str) -> None:
    fields = {"mode": "closed", "do": "suspend"}
    assert bob.post(f"/admin/{path}", fields, headers=BROWSER).status_int == 403
    assert Client(service).post(f"/admin/{path}", fields, headers=BROWSER).status_int == 401


def test_suspended_and_back(root: Client, bob: Client, service: Service) -> None:
    bob.post("/", {"source": "x"})
    bob.post_json("/api/messages", {"source": "still here"}, status=201)
    assert act(root, 2, "suspend") == ""
    assert "suspended" in texts(page(root, "/admin"), ".members .name")[1]
    assert bob.get("/inbox", headers=BROWSER).status_int == 401
    assert bob.post_json("/api/messages", {"source": "x"}).status_int == 401
    assert root.sources() == ["still here"]
    answer = Client(service).sign_in("bob")
    assert (answer.status_int, texts(answer, "[role=alert]")) == (
        403,
        ["This account is suspended: ask an administrator."],
    )
    # Whoever does not know the password does not learn it.
    assert Client(service).sign_in("bob", "wrong").status_int == 401
    assert root.ask_token("bob", PASSWORD).status_int == 403
    assert act(root, 2, "lift") == ""
    assert Client(service).sign_in("bob").status_int == 303


def test_refusals_are_on_the_page(root: Client, bob: Client) -> None:
    assert act(root, 1, "dismiss").startswith("The last administrator stays")
    assert act(root, 404, "appoint") == "There is no such user."
    assert act(root, 2, "eat") == "Choose what to do."
    assert root.post("/admin/registration", {"mode": "x"}, headers=BROWSER).status_int == 400
    assert root.post("/admin/accounts/404", {"do": "appoint"}).content_type == "text/plain"
    assert act(root, 2, "appoint") == ""
    assert act(root, 1, "dismiss") == ""
    page(root, "/admin", 403)
    page(bob, "/admin")


def test_accounts_are_found(root: Client, bob: Client) -> None:
    assert texts(page(root, "/admin?nickname=BOB"), ".members .name") == ["bob"]
    assert texts(page(root, "/admin?nickname=eve"), ".empty") == ["Nobody is called that."]
    more = page(root, "/admin?limit=1")
    assert more.html.select_one("[rel=next]")["href"] == "/admin?after=1"


def test_by_invitation(root: Client, service: Service) -> None:
    submit(page(root, "/admin"), "/admin/registration", mode="invitation")
    stranger = Client(service)
    answer = stranger.sign_in("eve", STRONG)
    assert (answer.status_int, texts(answer, "[role=alert]")) == (
        403,
        ["You need an invitation to register: ask an administrator for a link."],
    )
    assert "open the link of an invitation" in page(stranger).text
    link = submit(page(root, "/admin"), "/admin/invitations").html.select_one(".notice code").text
    path = link.removeprefix("http://localhost")
    joining = page(stranger, path)
    assert texts(joining, "h1") == ["Welcome"]
    refused = submit(joining, "/login", nickname="eve", password="short")
    assert (refused.status_int, texts(refused, "h1")) == (400, ["Welcome"])
    assert form_of(refused, "/login")["invitation"].value == path.removeprefix("/join/")
    answer = submit(refused, "/login", nickname="eve", password=STRONG)
    assert (answer.status_int, answer.headers["Location"]) == (303, "/")
    assert "used 1 time" in page(root, "/admin").text
    (taken_back,) = [
        form.action
        for form in page(root, "/admin").forms.values()
        if form.action.startswith("/admin/invitations/")
    ]
    submit(page(root, "/admin"), taken_back)
    gone = page(stranger, path, 404)
    assert texts(gone, "h1") == ["This invitation is no longer valid"]
    assert "Ask whoever sent it" in gone.text
    answer = submit(joining, "/login", nickname="flo", password=STRONG)
    assert answer.status_int == 403
    assert texts(answer, "[role=alert]") == [
        "The invitation is no longer valid: ask an administrator for a new link."
    ]


def test_closed(root: Client, service: Service) -> None:
    submit(page(root, "/admin"), "/admin/registration", mode="closed")
    stranger = Client(service)
    shown = page(stranger, "/login")
    assert texts(shown, ".sign-in button") == ["Sign in"]
    assert "Nobody new can register here." in shown.text
    assert submit(shown, "/login", nickname="eve", password=STRONG).status_int == 403
    body = {"nickname": "eve", "password": STRONG}
    answer = stranger.post_json("/api/users", body)
    assert (answer.status_int, answer.json["detail"]) == (403, "nobody new can register here")
    assert stranger.sign_in("root").status_int == 303


def test_log_of_all(root: Client, bob: Client) -> None:
    act(root, 2, "suspend")
    act(root, 2, "lift")
    submit(page(root, "/admin"), "/admin/registration", mode="closed")
    assert texts(page(root, "/admin/log"), ".log .name") == [
        "root chose who may register: closed",
        "root lifted the suspension of bob",
        "root suspended bob",
    ]
    older = page(root, "/admin/log?limit=2").html.select_one("[rel=next]")["href"]
    assert texts(page(root, older), ".log .name") == ["root suspended bob"]


def test_by_the_api(root: Client, bob: Client, service: Service) -> None:
    stranger = Client(service)
    assert stranger.get("/api/registration").json == {"mode": "open"}
    for call, status in ((bob, 403), (stranger, 401)):
        assert call.put_json("/api/registration", {"mode": "closed"}).status_int == status
        assert call.get("/api/invitations").status_int == status
        assert call.post_json("/api/invitations", {}).status_int == status
        assert call.delete("/api/invitations/1").status_int == status
        assert call.get("/api/audit").status_int == status
        for what in ("suspension", "administrator"):
            assert call.put(f"/api/users/2/{what}").status_int == status
            assert call.delete(f"/api/users/2/{what}").status_int == status
    assert root.put_json("/api/registration", {"mode": "never"}).status_int == 400
    root.put_json("/api/registration", {"mode": "invitation"}, status=204)
    made = root.post_json("/api/invitations", {"days": 1}, status=201).json
    assert made["link"] == f"http://localhost/join/{made['code']}"
    body = {"nickname": "eve", "password": PASSWORD, "invitation": made["code"]}
    stranger.post_json("/api/users", body, status=201)
    (listed,) = root.get("/api/invitations").json["invitations"]
    assert (listed["uses"], "code" in listed) == (1, False)
    root.delete(f"/api/invitations/{made['id']}", status=204)
    assert root.delete(f"/api/invitations/{made['id']}").status_int == 404
    root.put("/api/users/2/suspension", status=204)
    assert root.get("/api/users/2").json["suspended"] is True
    root.delete("/api/users/2/suspension", status=204)
    root.put("/api/users/2/administrator", status=204)
    assert stranger.get("/api/users/2").json["administrator"] is True
    root.delete("/api/users/2/administrator", status=204)
    first = root.get("/api/audit?limit=1")
    assert first.json["entries"][0]["action"] == "administrator.dismissed"
    rest = root.get(first.headers["Link"].split(";")[0].strip("<>")).json["entries"]
    assert len(rest) == 1
    assert len(root.get("/api/audit").json["entries"]) == 7


def test_administrator_deletes_a_message(root: Client, bob: Client) -> None:
    message = bob.post_json("/api/messages", {"source": "rude"}, status=201).json
    path = f"/messages/{message['id']}/delete"
    assert page(root).html.select_one(".moderate")["href"] == path
    assert page(bob).html.select(".moderate") == []
    asked = page(root, path)
    assert "cannot be brought back" in asked.text
    assert submit(asked, path).status_int == 303
    assert root.sources() == []
    assert bob.post(f"/api/messages/{message['id']}/restore").status_int == 404


def test_basic_credentials_of_a_suspended_account(root: Client, bob: Client) -> None:
    act(root, 2, "suspend")
    answer = root.post("/api/tokens", headers={"Authorization": basic("bob", PASSWORD)})
    assert answer.json["detail"] == "this account is suspended: ask an administrator"


def test_number_of_invitations_is_limited(root: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ngw2f.actions.administration.MAX_INVITATIONS", 2)
    for _ in range(2):
        root.post_json("/api/invitations", {}, status=201)
    refused = root.post_json("/api/invitations", {}, status=409).json
    assert "take back one" in refused["detail"]
    alert = submit(page(root, "/admin"), "/admin/invitations").html.select_one("[role=alert]")
    assert "take back one" in alert.text
    root.delete("/api/invitations/1", status=204)
    root.post_json("/api/invitations", {}, status=201)
