from __future__ import annotations

import pytest

from middleware.cache.status import CacheStatus
from middleware.cache.structured import Item, StructuredFieldError, Token, parse_list


def test_hit() -> None:
    assert CacheStatus("chat").hit(30) == "chat; hit; ttl=30"


def test_forward() -> None:
    assert CacheStatus("chat").forward("uri-miss") == "chat; fwd=uri-miss"


def test_all_that_can_be_said_of_a_forward() -> None:
    text = CacheStatus("my chat").forward(
        "stale", status=503, ttl=-5, stored=True, collapsed=True, detail='a "b"'
    )
    (member,) = parse_list(text)
    assert member == Item(
        "my chat",
        {
            "fwd": Token("stale"),
            "fwd-status": 503,
            "ttl": -5,
            "stored": True,
            "collapsed": True,
            "detail": 'a "b"',
        },
    )


def test_name_must_be_printable() -> None:
    with pytest.raises(StructuredFieldError):
        CacheStatus("ü")
