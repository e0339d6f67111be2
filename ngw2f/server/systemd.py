"""Notify systemd that the service is ready, works, or stops (sd_notify(3)).

Outside of systemd nothing is done. The master imports this before
it forks: nothing here may import what gevent has to patch.
"""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

# gunicorn's master kills a worker that is silent for `timeout`; without one, this applies.
SILENT_SECONDS = 30.0
# systemd reads notifications at once; if it hangs, we must not.
TELL_SECONDS = 1.0


class Systemd:
    """systemd, if it manages this process and wants notifications."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # systemd writes the null byte of an abstract socket as "@".
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._is_watched = "WATCHDOG_USEC" in environ
        is_ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = int(environ.get("WATCHDOG_USEC", 0)) if is_ours else 0
        # Three pings in the time within which systemd expects one.
        self._interval = microseconds / 3_000_000
        self._next_ping = 0.0

    @property
    def is_there(self) -> bool:
        return bool(self._address)

    @property
    def has_watchdog(self) -> bool:
        return bool(self._address and self._interval)

    def tell(self, state: str, seconds: float = TELL_SECONDS) -> None:
        """Send a line such as `READY=1`; give up after *seconds*."""
        if not self._address:
            return
        # If systemd is restarting, or does not read, the next notification reaches it.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.settimeout(seconds)
            notify.connect(self._address)
            notify.sendall(state.encode())

    def tell_end(self, successor: int = 0) -> None:
        """Report that this process ends, and the pid of its *successor*, if it has one."""
        self.tell(f"MAINPID={successor}" if successor else "STOPPING=1")

    def hand_over(self) -> dict[str, str]:
        """Return the variables with which another program can take over in this process."""
        return {"WATCHDOG_PID": str(os.getpid())} if self._is_watched else {}

    def ping(self) -> None:
        """Answer the watchdog when it is due; call this at least once a second."""
        now = time.monotonic()
        if self.has_watchdog and now >= self._next_ping:
            self._next_ping = now + self._interval
            self.tell("WATCHDOG=1", 0.0)


def watch_master(server: Any, systemd: Systemd) -> None:
    """Have gunicorn's master *server* ping while its loop turns and a worker answers.

    The loop turns at least once a second. A worker answers if its event loop has turned
    within `timeout`: that is gunicorn's own heartbeat.
    """
    if not systemd.has_watchdog:
        return
    manage_workers = server.manage_workers

    def manage_and_ping() -> None:
        manage_workers()
        # Until it has replaced the old master, systemd listens to that one.
        is_heard = not getattr(server, "master_pid", 0)
        workers = list(server.WORKERS.values())
        if is_heard and any(_answers(worker, server.timeout) for worker in workers):
            systemd.ping()

    # gunicorn has no hook in this loop; the master looks the method up by name.
    server.manage_workers = manage_and_ping


def _answers(worker: Any, timeout: float) -> bool:
    try:
        silent_for = time.monotonic() - float(worker.tmp.last_update())
    except (OSError, ValueError):
        return False  # The worker has just ended.
    # Before the first heartbeat the file has the time of day, which is far ahead.
    return 0 <= silent_for <= (timeout or SILENT_SECONDS)
