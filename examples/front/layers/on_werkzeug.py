"""A greeting, with only Werkzeug."""

import time
from pathlib import Path

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

URLS = Map(
    [
        Rule("/hello/<name>", endpoint="hello", methods=["GET"]),
        Rule("/wait", endpoint="wait", methods=["GET"]),
    ]
)


@Request.application
def application(request: Request) -> Response | HTTPException:
    try:
        endpoint, values = URLS.bind_to_environ(request.environ).match()
    except HTTPException as error:
        return error
    if endpoint == "wait":
        while not Path("enough").exists():
            time.sleep(0.01)
        return Response("waited\n")
    return Response(f"hello {values['name']}\n", mimetype="text/plain")
