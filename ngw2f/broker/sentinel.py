"""Redis by Sentinel: connect to the server that is the master now.

    redis+sentinel://[USER:PASSWORD@]HOST:PORT[,HOST:PORT...]/SERVICE[/DATABASE]

USER and PASSWORD are those of the master and its replicas.
"""

import re
from typing import Any
from urllib.parse import unquote

from redis import Redis
from redis.sentinel import Sentinel

SCHEME = "redis+sentinel://"
URL = re.compile(
    SCHEME.replace("+", r"\+") + r"(?:(?P<user>[^:@/]*):(?P<password>[^@/]*)@)?"
    r"(?P<hosts>[^@/,]+:\d+(?:,[^@/,]+:\d+)*)/(?P<service>[^/?]+)(?:/(?P<database>\d+))?"
)


def connect_by_sentinel(url: str, **options: Any) -> Redis:
    """Return a client that asks the sentinels for the master at each new connection.

    *options* are those of `redis.Redis`; the time-outs apply to the sentinels too.
    """
    parts = URL.fullmatch(url)
    if parts is None:
        raise ValueError(f"a sentinel's URL is {SCHEME}HOST:PORT,HOST:PORT/SERVICE/DATABASE")
    timeouts = {name: options[name] for name in options if name.endswith("timeout")}
    sentinels = [_address(host) for host in parts["hosts"].split(",")]
    sentinel = Sentinel(sentinels, **timeouts)  # type: ignore[no-untyped-call] # redis-py's
    account = {"username": parts["user"], "password": parts["password"]}
    given = {name: unquote(value) for name, value in account.items() if value}
    database = int(parts["database"] or 0)
    options |= {"db": database, **given}
    client: Redis = sentinel.master_for(  # type: ignore[no-untyped-call] # redis-py's
        parts["service"], **options
    )
    return client


def _address(host: str) -> tuple[str, int]:
    name, _, port = host.rpartition(":")
    return name.strip("[]"), int(port)
