from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.ngw2f.web.set_once import Setting


@pytest.fixture(scope="module")
def set_once() -> Iterator[Setting]:
    """Give what keeps a setting, for all tests of a module."""
    with closing(Setting()) as setting:
        yield setting
