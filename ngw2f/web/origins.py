"""What pages of other origins may use, if `trusted_origins` names them (middleware/cors.py)."""

from wsgiref.types import WSGIEnvironment

from middleware.cors import is_from_trusted_origin
from middleware.cross_origin import is_same_host

# The API, the events on every transport, the pictures of previews and files; not the pages.
PATHS = ("/api", "/tasks", "/stats", "/events", "/ws", "/socket.io", "/thumbnails", "/files")
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
# What a page may send, beyond what any page may.
REQUEST_FIELDS = (
    "Authorization",
    "Cache-Control",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Unmodified-Since",
    "Last-Event-ID",
    "Prefer",
    "Range",
)
# And what it may read. Times are those of our clock, which Date tells.
RESPONSE_FIELDS = (
    "Age",
    "Allow",
    "Cache-Status",
    "Content-Disposition",
    "Content-Location",
    "Date",
    "ETag",
    "Link",
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Upgrade",
    "WWW-Authenticate",
    "X-Request-ID",
)


def may_connect(environ: WSGIEnvironment) -> bool:
    """Return whether a request comes from our own page, a trusted origin's, or from no page."""
    origin = environ.get("HTTP_ORIGIN")
    if origin is None or is_from_trusted_origin(environ):
        return True
    return is_same_host(origin, environ.get("HTTP_HOST", ""))
