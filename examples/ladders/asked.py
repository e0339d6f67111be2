"""Which request of each example shows most."""

from pathlib import Path
from typing import NamedTuple

EXAMPLES = Path(__file__).parents[1]


class Asked(NamedTuple):
    """A request of an example, and what its ladder shows; `times`: the last one is shown."""

    shows: str
    program: str
    target: str
    method: str = "GET"
    fields: dict[str, str] = {}  # noqa: RUF012 # Never changed.
    times: int = 1
    chunks: int | None = None


# By the folder of the example.
ASKED = {
    "gunicorn": Asked("one rung: nothing is around the application", "hello", "/"),
    "wsgi": Asked("an answer that was replaced before its first byte", "parts", "/error?early"),
    "middleware": Asked("a hit: the page was not called", "caching", "/", times=2),
    "werkzeug": Asked("a library is one rung: it is in the application", "routed", "/notes/9"),
    "flask": Asked("so is a framework", "notes", "/notes/9"),
    "slow": Asked("whoever waits is seen in its time", "direct", "/wait"),
    "live": Asked("two chunks of a stream, which the client left", "clock", "/events", chunks=2),
    "chat": Asked("a list from the cache, which the chat did not make", "", "/api/messages"),
    "toolbox": Asked(
        "what a proxy said becomes the client, and the mount moves the path",
        "layers", "/older/x", fields={"X-Forwarded-For": "192.0.2.7"},
    ),
    "sessions": Asked("a cookie, whose value nobody sees", "signed", "/in?name=ann", "POST"),
}  # fmt: skip
