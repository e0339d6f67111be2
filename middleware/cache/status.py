"""Write Cache-Status: how this cache dealt with a request (RFC 9211)."""

from middleware.cache.structured import serialize_string, serialize_token_or_string


class CacheStatus:
    """Writes the member of one cache; `name` is what it calls itself."""

    def __init__(self, name: str) -> None:
        self.name = serialize_token_or_string(name)

    def hit(self, ttl: int) -> str:
        """Say that the answer was stored; `ttl` in seconds, negative if it was stale."""
        return f"{self.name}; hit; ttl={ttl}"

    def forward(
        self,
        reason: str,
        *,
        status: int | None = None,
        ttl: int | None = None,
        stored: bool = False,
        collapsed: bool = False,
        detail: str | None = None,
    ) -> str:
        """Say why the request went to the application (RFC 9211 section 2.2) and what came of it.

        `status` only where the client does not get the one of the application.
        """
        parts = [self.name, f"fwd={reason}"]
        if status is not None:
            parts.append(f"fwd-status={status}")
        if ttl is not None:
            parts.append(f"ttl={ttl}")
        if stored:
            parts.append("stored")
        if collapsed:
            parts.append("collapsed")
        if detail is not None:
            parts.append(f"detail={serialize_string(detail)}")
        return "; ".join(parts)
