"""Compare worker types, with one worker each: python workers.py.

How long does a quick request take on an idle worker, while another client sends its
request slowly, and while another one reads a stream? And when does the stream's first line come?
"""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from examples.transcript.machine import has_module
from examples.transcript.stage import Stage

KINDS = ["sync", "gthread --threads 4", "gevent", "tornado"]
# The stream takes as long.
SLOW_SECONDS = 0.5
# Ensures that the other client comes first.
LEAD_SECONDS = 0.05


def main() -> None:
    print(f"{'worker':<20}{'alone':>8}{'slow client':>13}{'stream':>8}{'first line':>12}   (ms)")
    for kind in KINDS:
        if kind == "tornado" and not has_module("tornado"):
            print(f"{kind:<20} is not installed")
            continue
        alone, slow, stream, first = (f"{1000 * seconds:.0f}" for seconds in measure(kind))
        print(f"{kind:<20}{alone:>8}{slow:>13}{stream:>8}{first:>12}", flush=True)


def measure(kind: str) -> tuple[float, float, float, float]:
    """Return the four figures of a worker type, in seconds."""
    command = f"gunicorn --worker-class {kind} stream:application"
    with Stage(Path(__file__).parent) as stage, ThreadPoolExecutor() as clients:
        port = stage.serve(command)
        ask(port, "/")  # A worker's first request is slower than all others.
        alone = ask(port, "/")
        slow_client = clients.submit(ask, port, "/", pause=SLOW_SECONDS)
        time.sleep(LEAD_SECONDS)
        beside_slow_client = ask(port, "/")
        slow_client.result()
        stream = clients.submit(ask, port, "/stream")
        time.sleep(LEAD_SECONDS)
        beside_stream = ask(port, "/")
        return alone, beside_slow_client, beside_stream, stream.result()


def ask(port: int, path: str, pause: float = 0.0) -> float:
    """Send a request with a pause in it; return the seconds until the body starts."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        connection.sendall(f"GET {path} HT".encode())
        time.sleep(pause)
        connection.sendall(b"TP/1.0\r\n\r\n")
        answer = connection.makefile("rb")
        while answer.readline() != b"\r\n":
            pass
        answer.read(1)
        seconds = time.monotonic() - begun
        # sync waits until the client closes its end.
        answer.read()
        return seconds


if __name__ == "__main__":
    main()
