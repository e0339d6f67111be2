"""Jobs for `rq worker`, which reads the same configuration. Running one twice does no harm."""

from ..config import CONFIGS
from .models import Models


def render(message: int) -> dict[str, str]:
    return Models(CONFIGS["production"].database).render_message(message)
