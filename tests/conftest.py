"""Fixtures that every test shares."""

import pytest
from hypothesis import HealthCheck, settings

# Examples are not timed: a busy machine is no failure.
settings.register_profile("cortex", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cortex")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every async test on both backends."""
    return request.param
