"""Whoever joins without requests is what a registration makes of one."""

from typing import Any

from redis import Redis

from tests.client import PASSWORD, Client
from tests.entries import entries_of


def facts(client: Client, redis: Redis, nickname: str, headers: dict[str, str]) -> dict[str, Any]:
    """Return what the chat says of a user, without what tells one from another."""
    (user,) = (
        each for each in client.get("/api/users").json["users"] if each["nickname"] == nickname
    )
    (token,) = client.get("/api/tokens", headers=headers).json["tokens"]
    events = [entry for _, entry in entries_of(redis, "ngw2f:events")]
    told = [each[b"event"] for each in events if nickname.encode() in each[b"data"]]
    return {"user": sorted(user), "token": sorted(token), "name": token["name"], "told": told}


def test_join_is_a_registration(client: Client, redis: Redis) -> None:
    joined = facts(client, redis, "coco", client.join("coco"))
    client.register("bob")
    headers = {"Authorization": f"Bearer {client.token('bob')}"}
    assert joined == facts(client, redis, "bob", headers)
    # By its password, and not by another.
    assert client.ask_token("coco", PASSWORD).status_int == 200
    assert client.ask_token("coco", "open barley").status_int == 401
    # The name is taken, and so is one that looks like it.
    for name in ("Coco", "\u0441\u043e\u0441\u043e"):
        body = {"nickname": name, "password": PASSWORD}
        assert client.post_json("/api/users", body).status_int == 400
