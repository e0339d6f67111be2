"""What workers do: rq worker. They read the same configuration, and twice does no harm."""

from ..config import CONFIGS
from .models import Models


def render(message: int) -> dict[str, str]:
    return Models(CONFIGS["production"].database).render_message(message)
