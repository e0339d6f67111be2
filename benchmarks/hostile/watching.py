"""Watch a server while it is attacked, and check what is left when its clients have gone."""

import http.client
import os
import re
import threading
import time
from pathlib import Path

# States of connections that the server still holds (include/net/tcp_states.h).
HELD = {"01", "04", "05", "08"}
PROBE_SECONDS = 60
PAUSE_SECONDS = 0.02


class Prober:
    """Requests /healthz over new connections, again and again; waits are in seconds."""

    def __init__(self, port: int) -> None:
        self.waits: list[float] = []
        self.failures: list[str] = []
        self._port = port
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Prober":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(PAUSE_SECONDS):
            began = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PROBE_SECONDS)
            try:
                connection.request("GET", "/healthz")
                connection.getresponse().read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
            finally:
                connection.close()
            self.waits.append(time.monotonic() - began)


def open_connections(port: int) -> int:
    """Return the number of connections to a server on this port."""
    local = f":{port:04X}"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(line[1].endswith(local) and line[3] in HELD and line[9] != "0" for line in lines)


def rss_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def subscriptions(port: int) -> int:
    """Return the number of the hub's clients, from /metrics."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PROBE_SECONDS)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    found = re.findall(r"^ngw2f_streams\{.*\} (\S+)$", text, re.MULTILINE)
    return int(sum(map(float, found)))


def wait_for_calm(port: int, seconds: float) -> tuple[int, int]:
    """Return the connections and subscriptions left when the server's own limits are over."""
    deadline = time.monotonic() + seconds
    while any(left := (open_connections(port), subscriptions(port))):
        if time.monotonic() > deadline:
            break
        time.sleep(0.5)
    return left
