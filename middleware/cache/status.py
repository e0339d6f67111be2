"""Write Cache-Status: how this cache handled a request (RFC 9211)."""

from middleware.cache.structured import serialize_string, serialize_token_or_string


class CacheStatus:
    """Writes the member of one cache; `name` identifies the cache."""

    def __init__(self, name: str) -> None:
        self.name = serialize_token_or_string(name)

    def hit(self, ttl: int) -> str:
        """Describe a hit; `ttl` in seconds, negative if the response was stale."""
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
        """Describe a forwarded request: why (RFC 9211 section 2.2), and with which result.

        `status` is given only if the client gets another one than the application's.
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
