"""How Werkzeug parses a request, and builds an answer: gunicorn headers:application."""

from werkzeug import Request, Response

# The types that this could return.
TYPES = ["text/html", "application/json"]
LANGUAGES = ["en", "de"]


@Request.application
def application(request: Request) -> Response:
    sent = request.authorization
    understood = {
        "tags": request.args.getlist("tag"),
        "type": request.accept_mimetypes.best_match(TYPES),
        "language": request.accept_languages.best_match(LANGUAGES),
        "user": sent.username if sent else None,
        "cookies": request.cookies.to_dict(),
        "not since": request.if_modified_since,
    }
    text = "".join(f"{name}: {value}\n" for name, value in understood.items())
    response = Response(text, mimetype="text/plain")
    response.add_etag()
    # Returns 304 or 206 if the request allows it.
    return response.make_conditional(request, accept_ranges=True, complete_length=len(text))
