"""How the tests in the sdist are run; in the repository, tests/conftest.py says it."""

from hypothesis import HealthCheck, settings

# A machine that others use too has no time limits for a single example.
settings.register_profile(
    "shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("shared machine")
