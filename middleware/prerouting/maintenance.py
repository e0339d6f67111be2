"""Refuse requests during maintenance."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from wsgiref.types import WSGIApplication, WSGIEnvironment

from middleware._options import function_of
from middleware.answer import Answer


class Maintenance:
    """Answer 503 with `Retry-After` while a switch is on.

    `active()`: whether the switch is on; called for each request, so it must be quick. With a
        `FileSwitch`, an operator turns it on and off by `touch` and `rm`, for all processes.
    `retry_after_seconds`: when clients should try again; two minutes unless given.
    `admits(environ)`: who is let through nevertheless, such as operators; nobody unless given.
    `body`, `content_type`: the page for everybody else.

    Put a `Health` rule before it if the process should count as healthy meanwhile.

    Rules: RFC 9110 sections 15.6.4 (503) and 10.2.3 (`Retry-After`, in seconds).
    """

    segments = None

    def __init__(
        self,
        active: Callable[[], bool],
        *,
        retry_after_seconds: int = 120,
        admits: Callable[[WSGIEnvironment], bool] | None = None,
        body: str = "We are working on it, and will be back soon.\n",
        content_type: str = "text/plain; charset=utf-8",
    ) -> None:
        self.active = function_of("active", active)
        self.admits = function_of("admits", admits)
        headers = [("Retry-After", str(retry_after_seconds)), ("Cache-Control", "no-store")]
        self.answer = Answer("503 Service Unavailable", body, headers, content_type=content_type)

    def route(self, environ: WSGIEnvironment, app: WSGIApplication) -> WSGIApplication | None:
        if not self.active() or (self.admits is not None and self.admits(environ)):
            return None
        return self.answer


class FileSwitch:
    """Whether a file exists, checked from time to time.

    `every_seconds`: how old the last check may be. One second saves a system call for each request,
        and no operator notices the delay.
    """

    def __init__(self, path: str | os.PathLike[str], *, every_seconds: float = 1.0) -> None:
        self.path = os.fspath(path)
        self.every_seconds = every_seconds
        self.look_again_at = float("-inf")
        self.is_on = False

    def __call__(self) -> bool:
        now = time.monotonic()
        if now >= self.look_again_at:
            # Two threads may both check; they find the same.
            self.is_on = os.path.exists(self.path)
            self.look_again_at = now + self.every_seconds
        return self.is_on
