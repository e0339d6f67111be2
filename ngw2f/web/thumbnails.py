"""Thumbnails of previews: a reader's browser gets them from us, not from a stranger's server."""

from ngw2f.actions import rights
from ngw2f.errors import NotFound
from ngw2f.http import Request, Response, add_vary, problem, tagged
from ngw2f.sentences import translatable
from ngw2f.store.previews import find_thumbnail
from ngw2f.web import auth
from ngw2f.web.services import Services

NO_PICTURE = translatable("there is no such picture")
# The picture of a name never changes (RFC 8246).
FOREVER = "public, max-age=31536000, immutable"


def show(services: Services, request: Request, name: str) -> Response:
    """Answer with a picture of a link; if that is in a private room, to who may see the room."""
    with services.core.database.asking() as connection:
        found = find_thumbnail(connection, name)
    if found is None:
        raise problem(404, NO_PICTURE)
    response = Response(found.body, mimetype=found.media_type)
    if services.core.settings.anonymous_read and not found.private_room_id:
        response.headers["Cache-Control"] = FOREVER
        return response
    reader = auth.find_reader(services, request)
    if found.private_room_id:
        try:
            with services.core.database.asking() as connection:
                rights.find_room(connection, found.private_room_id, reader)
        except NotFound as error:
            raise problem(404, NO_PICTURE) from error
    response.headers["Cache-Control"] = "private, no-cache"
    add_vary(response, ["Authorization", "Cookie"])
    return tagged(request, response)
