"""Jobs for `rq worker`, which reads the same configuration. Running one twice does no harm."""

from redis import Redis

from ..config import CONFIGS
from .events import publish
from .models import Models


def render(message: int) -> dict[str, str]:
    config = CONFIGS["production"]
    rendered = Models(config.database).render_message(message)
    publish(Redis.from_url(config.redis_url), rendered)
    return rendered
