import pytest

# So that a failing assert in these shows its values, as one in a test module does.
pytest.register_assert_rewrite("tests.middleware.contract", "tests.middleware.serving")
