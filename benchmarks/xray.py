"""What X-ray costs: a chat that records every request, and one that would, beside one without it.

The same requests to three servers: without X-ray; with a key, by which an operator may have one
request recorded, and none is; and with every request recorded. Each round measures all of them in
turn (`benchmarks.api` says how). The ratios are to the server without: 1 means no cost.

Run: python -m benchmarks.xray [ROUNDS]
"""

import sys
from contextlib import ExitStack

from benchmarks.api import fill
from benchmarks.load import Subject, compare, request_bytes, running

SECONDS = 1.0
PATHS = {
    "cached": "/api/messages",
    "/healthz": "/healthz",
}
SETTINGS = {
    "without": {},
    "with a key": {"NGW2F_XRAY_KEY": "0123456789abcdef"},
    "recording": {"NGW2F_XRAY": "true"},
}


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with ExitStack() as servers:
        started = {}
        for name, settings in SETTINGS.items():
            environment = {"NGW2F_RATE_LIMIT": "false", **settings}
            server = running("gunicorn.conf.py", "app:application", environment)
            started[name] = servers.enter_context(server)
            fill(started[name].address)
        for kind, path in PATHS.items():
            request = request_bytes(path)
            subjects = [
                Subject(f"{kind}, {name}", server, request) for name, server in started.items()
            ]
            reference, *others = compare(subjects, rounds, SECONDS)
            print(reference, *others, sep="\n")
            print(*(each.beside(reference) for each in others), sep="\n", end="\n\n")


if __name__ == "__main__":
    main()
