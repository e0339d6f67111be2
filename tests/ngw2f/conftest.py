import ssl
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from ngw2f.links.guard.fetch import Fetcher, public_tls
from ngw2f.links.guard.policy import Policy
from tests.ngw2f.links.lab import Internet, small_internet

# What is not about time fails for its own reason, on a machine that others use too.
PLENTY_SECONDS = 60.0


@pytest.fixture
def internet() -> Iterator[Internet]:
    with small_internet() as internet:
        yield internet


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    return public_tls()  # Takes 15 ms, which hundreds of tests need not pay each.


@pytest.fixture
def make_fetcher(internet: Internet, tls: ssl.SSLContext) -> Callable[..., Fetcher]:
    """Make a fetcher that goes out to the small Internet only."""
    return partial(
        Fetcher,
        Policy(),
        timeout_seconds=PLENTY_SECONDS,
        resolve=internet.resolve,
        connect=internet.connect,
        tls=tls,
    )


@pytest.fixture
def fetcher(make_fetcher: Callable[..., Fetcher]) -> Fetcher:
    return make_fetcher()
