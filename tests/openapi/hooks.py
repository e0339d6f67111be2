"""What schemathesis cannot know of the chat: names, keys and tokens are good once.

It is loaded by `schemathesis.toml`. CHAT_USER, as `nickname:password`, signs it in;
CHAT_RUN is in all names that it takes.
"""

import itertools
import os
from typing import Any
from urllib.parse import urlsplit

import requests
import schemathesis
from hypothesis import strategies
from schemathesis.auths import AuthContext
from schemathesis.generation.case import Case
from schemathesis.hooks import HookContext

# Of one script, as names are (UTS 39 section 5.2).
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!$&()+-.=@_äéñøßœ"
TIMEOUT_SECONDS = 60
# What tells one run's names from another's over the same chat.
RUN = os.environ.get("CHAT_RUN", str(os.getpid()))
USER = os.environ.get("CHAT_USER", "")


def texts(letters: str, longest: int, longest_ordinary: int) -> strategies.SearchStrategy[str]:
    """Give short texts, and those about as long as the longest, which short ones never are.

    Schemathesis asks for these, and looks long for them.
    """
    about = strategies.text(letters, min_size=longest - 1, max_size=longest + 1)
    return strategies.text(letters, min_size=1, max_size=longest_ordinary) | about


numbers = itertools.count(1)
room_names = texts(LETTERS, 64, 24).filter(lambda name: name.strip("."))
schemathesis.openapi.format("nickname", texts(LETTERS, 32, 24))
schemathesis.openapi.format("room-name", room_names)
schemathesis.openapi.format("emoji", strategies.sampled_from("👍🎉🔥"))
schemathesis.openapi.format("topic", strategies.just("") | texts(LETTERS + " ", 250, 60))
words = strategies.text(LETTERS, min_size=1).filter(lambda text: any(map(str.isalnum, text)))
schemathesis.openapi.format("search", strategies.lists(words, min_size=1, max_size=8).map(" ".join))
schemathesis.openapi.format("password", texts(LETTERS + "日本한국\U0001f600", 1024, 60))


class Token:
    """A token of the user's own; where it is revoked, a new one each time."""

    def get(self, case: Case[Any], _context: AuthContext) -> str:
        parts = urlsplit(str(case.operation.schema.config.base_url or case.operation.base_url))
        nickname, _, password = USER.partition(":")
        answer = requests.post(
            f"{parts.scheme}://{parts.netloc}/api/tokens",
            auth=(nickname, password),
            timeout=TIMEOUT_SECONDS,
        )
        return str(answer.json()["token"])

    def set(self, case: Case[Any], token: str, _context: AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {token}"


if USER:
    revoked: dict[str, Any] = {"method": "DELETE", "path": "/api/tokens"}
    schemathesis.auth(refresh_interval=None).apply_to(**revoked)(Token)
    others = schemathesis.auth().skip_for(**revoked)
    others.skip_for(method="POST", path="/api/tokens")(Token)


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    """Take a name or a key that is new, and do not wait for events."""
    if case.operation.path == "/api/events":
        stop_waiting(case)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if isinstance(case.query, dict):
        # None that is made up was ever given out.
        case.query.pop("ticket", None)
    number = f"{RUN}-{next(numbers)}"
    if isinstance(case.body, dict):
        # Nor does any message or file have an id that is made up.
        for field in ("reply_to", "file_ids"):
            case.body.pop(field, None)
        for field in {"nickname", "name"} & case.body.keys():
            if isinstance(name := case.body[field], str):
                case.body[field] = unique(name, number)
    if case.headers and case.operation.path.startswith("/files/"):
        # A range that is made up begins beyond the end of a small file: a 416.
        case.headers.pop("Range", None)
    key = case.headers.get("Idempotency-Key") if case.headers else None
    if key:
        case.headers["Idempotency-Key"] = (
            f'"{number}{key[1:]}' if key[0] == '"' else f"{number}{key}"
        )


def unique(name: str, number: str) -> str:
    """Return a name as long as this one, if it is long enough, with a number at its end."""
    end = f"-{number}"
    return name[: max(0, len(name) - len(end))] + end


def unique_key(key: str, number: str) -> str:
    """Return a key in the same form, no longer than it was or may be."""
    quote = '"' if key.startswith('"') else ""
    return f"{quote}{number}.{key.strip(quote or None)[:200]}".rstrip("\\") + quote


def stop_waiting(case: Case[Any]) -> None:
    query: dict[str, Any] = case.query if case.query is not None else {}
    if str(query.get("wait", "0")).isdecimal():
        query["wait"] = 0
    case.query = query
