"""Fixtures that every test shares."""

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

# Examples are not timed: a busy machine is no failure.
settings.register_profile("cortex", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("cortex")


def pytest_collection_finish() -> None:
    """Have the garbage collector leave out what was collected: thousands of tests, which stay."""
    gc.collect()
    gc.freeze()


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Run every async test on both backends."""
    return request.param


@pytest.fixture(autouse=True)
def measured_as_marked(request: pytest.FixtureRequest) -> None:
    """Where a test is marked `no_cover`, what it starts is not measured either.

    That is for crowds, which go again and again through what other tests measure: three times as
    long if every line is counted.
    """
    if request.node.get_closest_marker("no_cover"):
        monkeypatch = request.getfixturevalue("monkeypatch")
        for name in [name for name in os.environ if name.startswith(("COVERAGE_", "COV_"))]:
            monkeypatch.delenv(name)
