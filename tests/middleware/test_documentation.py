"""The examples of docs/middleware.md, run as they are."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import limits
import pytest
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from redis import RedisError

from middleware.access_log import AccessLogMiddleware
from middleware.cross_origin import CrossOriginGuardMiddleware
from middleware.error_boundary import ErrorBoundaryMiddleware
from middleware.forwarded import ForwardedMiddleware
from middleware.prerouting import Health, PreRoutingMiddleware
from middleware.request_id import RequestIDMiddleware
from middleware.security import SecurityHeadersMiddleware
from tests.middleware.serving import answering, serve

PAGE = Path(__file__).parents[2] / "docs" / "middleware.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)

# What the examples take for granted.
AROUND: dict[str, Any] = {
    "AccessLogMiddleware": AccessLogMiddleware,
    "CrossOriginGuardMiddleware": CrossOriginGuardMiddleware,
    "ErrorBoundaryMiddleware": ErrorBoundaryMiddleware,
    "Health": Health,
    "PreRoutingMiddleware": PreRoutingMiddleware,
    "ForwardedMiddleware": ForwardedMiddleware,
    "RedisError": RedisError,
    "RequestIDMiddleware": RequestIDMiddleware,
    "SecurityHeadersMiddleware": SecurityHeadersMiddleware,
    "account": lambda environ: None,
    "app": answering(),
    "documentation": answering(),
    "is_developer": lambda environ: False,
    "is_private": lambda environ: True,
    "limiter": FixedWindowRateLimiter(MemoryStorage()),
    "limits": limits,
    "logging": logging,
    "status_page": answering(),
}


def test_page_has_examples() -> None:
    assert len(EXAMPLES) == 14


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.splitlines()[0])
def test_example_runs(example: str) -> None:
    names = dict(AROUND)
    exec(example, names)
    if "application" in names:
        assert serve(names["application"]).content.startswith(b"hello")
    else:
        names["TestContract"]().test_status_headers_and_content_arrive()
        names["TestRefusal"]().test_application_is_not_called()
