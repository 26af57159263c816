"""The collector is left as it was found."""

import gc
from collections.abc import Iterator

import pytest

from cortex_cli.engine.collector import undisturbed


@pytest.fixture(autouse=True)
def on_afterwards() -> Iterator[None]:
    """Whatever a test does, the collector is on for the next."""
    yield
    gc.enable()


@pytest.mark.parametrize("was_on", [True, False])
def test_the_collector_is_off_inside_and_as_before_afterwards(*, was_on: bool) -> None:
    (gc.enable if was_on else gc.disable)()
    with undisturbed():
        assert not gc.isenabled()
        with undisturbed():
            pass
        assert not gc.isenabled()
    assert gc.isenabled() is was_on


def test_the_collector_is_on_again_after_an_error() -> None:
    @undisturbed()
    def fail() -> None:
        raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            fail()
        assert gc.isenabled()
