"""gunicorn for the conformance run; the command line gives address and number of workers."""

from typing import Any

from ngw2f.server.gunicorn_response import use_own_response

worker_class = "gevent"
# The suite has 25 tests under way at once, and the cache waits for its own background work.
worker_connections = 200
# Longer than the suite's pauses: a connection that the server closes just as the client
# uses it again would fail a test ("fetch failed").
keepalive = 30
loglevel = "warning"


def post_worker_init(worker: Any) -> None:
    """Let the origin's Date through: an HTTP cache must not change it (RFC 9110 section 6.6.1)."""
    use_own_response()
