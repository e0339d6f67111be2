"""Authentication: by password for a token, by token for everything else."""

from werkzeug import Request
from werkzeug.exceptions import Unauthorized

from . import models


def user_by_password(request: Request) -> str:
    sent = request.authorization
    if not sent or not models.is_password(sent.username or "", sent.password or ""):
        raise Unauthorized("wrong nickname or password")
    return sent.username or ""


def user_by_token(request: Request) -> str:
    sent = request.authorization
    nickname = models.find_nickname(sent.token or "") if sent else None
    if not nickname:
        raise Unauthorized("a token is missing")
    return nickname
