"""What each stop plays, and what is recorded."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PLAYED = Path(__file__).parent / "played"


class Wire(NamedTuple):
    """A connection between two programs: the port that the client uses, and the server's."""

    client: str
    server: str
    port: str = ""
    behind: str = ""
    # Show only these of Redis's many commands, or only these groups of each.
    commands: str = ""


class Stop(NamedTuple):
    """A stop of the tour."""

    folder: str
    # From left to right.
    actors: list[str]
    # The server that answers telnet, by port.
    servers: dict[str, str]
    wires: Sequence[Wire] = ()
    # From a worker inwards: the WSGI callers and callees, and the functions called there.
    names: Sequence[str] = ()
    calls: Mapping[str, str] = {}
    # The application of a server other than gunicorn.
    app: str = ""
    # Lines that are not drawn.
    hidden: str = ""

    @property
    def transcript(self) -> Path:
        return PLAYED / f"{self.folder}.telnet"


NGINX = Wire("nginx", "worker", "8000", "8009")
# What an RQ worker takes from the queue, and what it stores.
FINISHED = r"(LMOVE.*)|(HSET \S+ status finished)|(XADD \S+)"
# One of the chat's scripts appends an event to the stream.
PUBLISHED = r"(EVALSHA \w+ 2 ngw2f:events) .* (message\.\w+) "
MAP = {"map.py:MapAdapter.match": "URL map"}
STOPS = [
    Stop("http", ["telnet", "nginx"], {"8080": "nginx"}),
    Stop(
        "gunicorn", ["telnet", "nginx", "master", "worker", "hello.py"], {"8080": "nginx"},
        wires=[NGINX], names=["worker", "hello.py"],
    ),
    Stop(
        "wsgi", ["telnet", "server.py", "parts.py"], {"8000": "server.py"},
        names=["server.py", "parts.py"], app="parts:application",
    ),
    Stop(
        "middleware", ["stranger", "ann", "worker", "cache (Kept)", "Page"], {"8000": "worker"},
        names=["worker", "cache (Kept)", "Page"], hidden="REQUEST_METHOD|QUERY_STRING",
    ),
    Stop(
        "werkzeug", ["telnet", "worker", "Werkzeug", "routed.py", "URL map", "endpoint"],
        {"8000": "worker"}, names=["worker", "Werkzeug"],
        calls={**MAP, "routed.py:Notes.answer": "routed.py", "routed.py:Notes.add": "endpoint"},
    ),
    Stop(
        "flask", ["telnet", "worker", "Flask", "URL map", "notes.py"], {"8000": "worker"},
        names=["worker", "Flask"], calls={**MAP, "notes.py:add": "notes.py"},
    ),
    Stop(
        "slow", ["telnet", "worker", "queued.py", "Valkey", "RQ worker", "work.py"],
        {"8000": "worker"}, names=["worker", "queued.py"], calls={"work.py:wait": "work.py"},
        wires=[
            Wire("queued.py", "Valkey", "8002", "8001", "RPUSH|HGET .* status|XREVRANGE"),
            Wire("RQ worker", "Valkey", "8003", "8001", FINISHED),
        ],
    ),
    Stop(
        "live", ["asking", "listening", "worker", "clock.py"], {"8000": "worker"},
        names=["worker", "clock.py"], hidden="Server|Date|Cache-Control|REQUEST_METHOD",
    ),
    Stop(
        "chat", ["bob", "ann", "worker", "Valkey", "RQ worker"], {"8000": "worker"},
        wires=[
            Wire("worker", "Valkey", "8002", "8001", f"{PUBLISHED}|(RPUSH.*)"),
            Wire("RQ worker", "Valkey", "8003", "8001", f"{PUBLISHED}|(HGETALL rq:job:ngw2f.*)"),
        ],
        hidden=r"[A-Z][\w-]*-Policy|X-|RateLimit|Server|Date|Vary",
    ),
]  # fmt: skip
