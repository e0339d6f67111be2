"""Ask whether database and broker are there; only whoever asks loads their clients."""

from collections.abc import Callable

from redis.exceptions import RedisError
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from ngw2f.broker.connection import Broker, connect
from ngw2f.settings import Settings
from ngw2f.store.database import Database
from ngw2f.store.reasons import reason_of, why_no_engine

ASK_SECONDS = 5.0


def why_no_broker(settings: Settings) -> str:
    """Return why the operator's own Redis cannot be used, "" if it can."""
    try:
        with connect(settings, ASK_SECONDS) as redis:
            redis.ping()
    except RedisError as error:
        return reason_of(error)
    return ""


def why_no_database(settings: Settings) -> str:
    """Return why the operator's own database cannot be used, "" if it can."""
    try:
        database = Database(settings.sqlalchemy_url)
        database.ping()
        database.close()
    except (ArgumentError, ImportError, ValueError) as error:
        return why_no_engine(error)
    except SQLAlchemyError as error:
        return reason_of(error)
    return ""


class Foundations:
    """What the instances and the workers stand on, asked again and again."""

    def __init__(self, settings: Settings) -> None:
        self._broker, self._database = Broker(settings), Database(settings.sqlalchemy_url)

    def has_broker(self) -> bool:
        return _works(self._broker.redis.ping)

    def has_database(self) -> bool:
        return _works(self._database.ping)

    def close(self) -> None:
        self._broker.close()
        self._database.close()


def _works(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except (RedisError, SQLAlchemyError):
        return False
    return True
