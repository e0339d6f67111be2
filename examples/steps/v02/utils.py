"""What is not about chat: JSON in, JSON out, the time."""

import json
import time

from werkzeug import Request, Response
from werkzeug.exceptions import BadRequest


def timestamp() -> int:
    return int(time.time())


def text_of(request: Request, name: str) -> str:
    sent = request.get_json()
    if not isinstance(sent, dict) or not isinstance(sent.get(name), str):
        raise BadRequest(f"{name} is missing")
    return str(sent[name])


def json_response(answer: object, status: int = 200) -> Response:
    return Response(json.dumps(answer) + "\n", status, mimetype="application/json")
