"""Authentication: by password for a token, by token for everything else."""

from werkzeug import Request
from werkzeug.exceptions import Unauthorized

from .services import Services


def user_by_password(services: Services, request: Request) -> str:
    sent = request.authorization
    if not sent or not services.models.is_password(sent.username or "", sent.password or ""):
        raise Unauthorized("wrong nickname or password")
    return sent.username or ""


def user_by_token(services: Services, request: Request) -> str:
    sent = request.authorization
    nickname = services.models.find_nickname(sent.token or "") if sent else None
    if not nickname:
        raise Unauthorized("a token is missing")
    return nickname
