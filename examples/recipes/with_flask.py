"""Notes by Flask: a cached view, dropped by tag; a limit; a policy; ids in logs."""

import logging

from flask import Flask, Response, jsonify, request
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from middleware.cache import HTTPCacheMiddleware
from middleware.rate_limit import RateLimitMiddleware, RateRule
from middleware.request_id import RequestIDMiddleware
from middleware.security import STRICT_CONTENT_POLICY, SecurityHeadersMiddleware, SecurityPolicy

app = Flask(__name__)
log = logging.getLogger("notes")
notes: list[str] = []


# Cache this view, in the group "notes".
@app.get("/notes")
def listed() -> Response:
    response = jsonify(notes)
    response.headers["Cache-Control"] = "max-age=60"
    response.headers["Cache-Groups"] = '"notes"'
    return response


# Drop by tag when the model changes. With Flask-SQLAlchemy, call it in an "after_commit" listener.
def note_changed() -> None:
    cached.drop_groups(["notes"])


@app.post("/notes")
def add() -> tuple[str, int]:
    notes.append(request.get_data(as_text=True))
    note_changed()
    # Request ids in logs.
    log.info("%s added a note", request.environ["middleware.request_id"])
    return "", 204


cached = HTTPCacheMiddleware(app)

# Limit this route: five notes a minute from each client.
limiter = FixedWindowRateLimiter(MemoryStorage())  # RedisStorage("redis://...") for all processes
five = RateRule("notes", parse("5/minute"), ["POST"], "/notes")
limited = RateLimitMiddleware(cached, limiter, [five], storage_errors=OSError)

# One security policy for every response, and an id for every request.
policy = SecurityPolicy(content={**STRICT_CONTENT_POLICY, "img-src": "'self' https:"})
application = RequestIDMiddleware(SecurityHeadersMiddleware(limited, policy))
