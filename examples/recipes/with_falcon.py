"""Notes by Falcon: a cached responder, dropped by tag; a limit; a policy; ids in logs."""

import logging

import falcon
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


class Notes:
    # Cache this responder, in the group "notes".
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.media = notes
        resp.cache_control = ["max-age=60"]
        resp.set_header("Cache-Groups", '"notes"')

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        notes.append(req.bounded_stream.read().decode())
        note_changed()
        # Request ids in logs.
        log.info("%s added a note", req.env["middleware.request_id"])
        resp.status = falcon.HTTP_204


app = falcon.App()
app.add_route("/notes", Notes())
cached = HTTPCacheMiddleware(app)

# Limit this route: five notes a minute from each client.
limiter = FixedWindowRateLimiter(MemoryStorage())  # RedisStorage("redis://...") for all processes
five = RateRule("notes", parse("5/minute"), ["POST"], "/notes")
limited = RateLimitMiddleware(cached, limiter, [five], storage_errors=OSError)

# One security policy for every response, and an id for every request.
policy = SecurityPolicy(content={**STRICT_CONTENT_POLICY, "img-src": "'self' https:"})
application = RequestIDMiddleware(SecurityHeadersMiddleware(limited, policy))
