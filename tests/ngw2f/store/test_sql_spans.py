import re
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError

from middleware.xray import record
from ngw2f.server.service import Service
from ngw2f.store.database import Database
from ngw2f.store.sql_spans import record_statements
from tests.client import Client
from tests.middleware.serving import answering, serve


def test_statements_are_on_the_ladder(build: Callable[..., Service]) -> None:
    client = Client(build(xray=True))
    ladder = client.get("/api/rooms", headers={"X-Ray": "1"}).text
    assert re.search(r"· sql \d+\.\d\d ms .*SELECT ", ladder)


def test_failed_statement_is_recorded(database: Database) -> None:
    record_statements(database)
    answer = answering()

    def app(environ, start_response):  # type: ignore[no-untyped-def]
        with pytest.raises((OperationalError, ProgrammingError)), database.asking() as connection:
            connection.execute(text("SELECT nothing FROM nowhere"))
        return answer(environ, start_response)

    recorded = record(app)
    serve(recorded)
    (found,) = recorded.trace.spans
    assert found.detail == "SELECT nothing FROM nowhere"
    assert found.error in {"OperationalError", "UndefinedTable"}
