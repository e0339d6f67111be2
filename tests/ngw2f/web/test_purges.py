"""The chat's cache is purged by the method PURGE and by `ngw2f cache purge`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ngw2f.commands import cli
from ngw2f.server.service import Service
from ngw2f.settings import Settings
from tests.client import Client

# WebTest knows no such method.
pytestmark = pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")

TOKEN = "a-token-of-enough-characters"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ROOMS = "http://localhost/api/rooms"


def is_hit(client: Client) -> bool:
    return "; hit" in client.get("/api/rooms", status=200).headers["Cache-Status"]


@pytest.fixture
def holds(client: Client) -> Client:
    """Give a client of a chat that has cached its rooms."""
    client.get("/api/rooms")
    assert is_hit(client)
    return client


def purge(client: Client, headers: dict[str, str]) -> int:
    return int(client.request("/api/*", method="PURGE", headers=headers).status_int)


def test_purge_with_the_token(build: Callable[..., Service]) -> None:
    client = Client(build(purge_token=TOKEN))
    client.get("/api/rooms")
    assert purge(client, {}) == 401
    assert is_hit(client)
    assert purge(client, BEARER) == 200
    assert not is_hit(client)


def test_without_the_setting_nobody_can_purge(holds: Client) -> None:
    assert purge(holds, BEARER) in {404, 405}
    assert is_hit(holds)


@pytest.mark.parametrize(
    "arguments", [("--url", ROOMS), ("--prefix", "http://localhost/api"), ("--group", "rooms")]
)
def test_purge_by_the_command(
    holds: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("NGW2F_DATA_DIR", settings.data_dir)
    cli.main(["cache", "purge", *arguments])
    assert not is_hit(holds)


def test_mistake_is_one_line(
    holds: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NGW2F_DATA_DIR", settings.data_dir)
    with pytest.raises(
        SystemExit, match=r"^ngw2f: not an absolute URL, as in [^\n]*: '/api/rooms'$"
    ):
        cli.main(["cache", "purge", "--url", "/api/rooms"])
    assert is_hit(holds)
