"""Lists in pages: a number of rows after an id, and a Link to the next page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ngw2f.http import Request, Response, link_header

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


class HasId(Protocol):
    @property
    def id(self) -> int: ...


Row = TypeVar("Row", bound=HasId)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The part of a list, ordered by id, that a request asks for."""

    limit: int
    after: int

    @property
    def wanted(self) -> int:
        """Return how many rows to read: one more shows whether there is a next page."""
        return self.limit + 1

    def cut(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Return the rows that are on the page."""
        return rows[: self.limit]


def cursor_of(request: Request) -> Cursor:
    """Return the cursor in the query. Raises 400."""
    limit = request.integer_argument("limit", 1) or DEFAULT_LIMIT
    return Cursor(min(limit, MAX_LIMIT), request.integer_argument("after", 0) or 0)


def next_page(path: str, cursor: Cursor, rows: Sequence[HasId], **filters: Any) -> str | None:
    """Return the Link (RFC 8288) to the next page, None if there is none."""
    if len(rows) <= cursor.limit:
        return None
    place = {"after": rows[cursor.limit - 1].id, "limit": cursor.limit}
    return link_header(path, {**place, **filters}, "next")


def linked(response: Response, link: str | None) -> Response:
    """Return *response* with the link to its next page, if it has one."""
    if link:
        response.headers["Link"] = link
    return response
