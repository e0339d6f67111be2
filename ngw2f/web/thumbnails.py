"""Thumbnails of previews: a reader's browser gets them from us, not from a stranger's server."""

from ngw2f.http import Request, Response, problem
from ngw2f.store.previews import find_thumbnail
from ngw2f.web.services import Services

# The picture of a name never changes (RFC 8246).
FOREVER = "public, max-age=31536000, immutable"


def show(services: Services, _request: Request, name: str) -> Response:
    """Answer anybody who knows the name: it is random, and only messages contain it."""
    with services.core.database.asking() as connection:
        found = find_thumbnail(connection, name)
    if found is None:
        raise problem(404, "there is no such picture")
    media_type, body = found
    response = Response(body, mimetype=media_type)
    response.headers["Cache-Control"] = FOREVER
    return response
