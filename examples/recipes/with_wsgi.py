"""Notes by PEP 3333 alone: a cached answer, dropped by tag; a limit; a policy; ids in logs."""

import json
import logging
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from middleware.cache import HTTPCacheMiddleware
from middleware.rate_limit import RateLimitMiddleware, RateRule
from middleware.request_id import RequestIDMiddleware
from middleware.security import STRICT_CONTENT_POLICY, SecurityHeadersMiddleware, SecurityPolicy

log = logging.getLogger("notes")
notes: list[str] = []


# Drop by tag when the model changes: call it where the change is stored.
def note_changed() -> None:
    cached.drop_groups(["notes"])


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["REQUEST_METHOD"] == "POST":
        notes.append(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode())
        note_changed()
        # Request ids in logs.
        log.info("%s added a note", environ["middleware.request_id"])
        start_response("204 No Content", [])
        return []
    # Cache this answer, in the group "notes".
    kept = [("Cache-Control", "max-age=60"), ("Cache-Groups", '"notes"')]
    start_response("200 OK", [("Content-Type", "application/json"), *kept])
    return [json.dumps(notes).encode()]


cached = HTTPCacheMiddleware(app)

# Limit this route: five notes a minute from each client.
limiter = FixedWindowRateLimiter(MemoryStorage())  # RedisStorage("redis://...") for all processes
five = RateRule("notes", parse("5/minute"), ["POST"], "/notes")
limited = RateLimitMiddleware(cached, limiter, [five], storage_errors=OSError)

# One security policy for every response, and an id for every request.
policy = SecurityPolicy(content={**STRICT_CONTENT_POLICY, "img-src": "'self' https:"})
application = RequestIDMiddleware(SecurityHeadersMiddleware(limited, policy))
