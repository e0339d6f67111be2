import pytest

from middleware.spans import NOT_RECORDED, span
from tests.middleware.serving import BrokenError


def test_work_without_a_recorder_is_not_recorded() -> None:
    with span("sql", "SELECT 1") as work:
        work.set(rows=3)
    assert work is NOT_RECORDED


def test_its_error_passes() -> None:
    with pytest.raises(BrokenError), span("sql"):
        raise BrokenError
