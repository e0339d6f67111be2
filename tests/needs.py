"""What a machine may lack, and what then becomes of the tests that need it."""

import os
from typing import NoReturn

import pytest

REQUIRE_ALL = os.environ.get("REQUIRE_ALL_TESTS") == "1"


def lacking(what: str, install: str) -> NoReturn:
    """Skip the test with a line that helps, or fail it where nothing may be skipped."""
    line = f"needs {what}: {install}"
    if REQUIRE_ALL:
        pytest.fail(line, pytrace=False)
    pytest.skip(line)
