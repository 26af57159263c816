"""Displays that fail: the run goes on, and it is said once."""

import pytest

from cortex_cli.cli.audience import Audience
from cortex_cli.cli.driving import only_cause
from cortex_cli.cli.terminal import Terminal
from cortex_cli.cli.unblocked import unblocked_streams
from cortex_cli.errors import SetupError
from cortex_cli.events import Event
from cortex_cli.ui.run_view import RunView
from tests.ui.script import Script


class Failing:
    """A display that draws nothing and fails with everything."""

    def start(self) -> None: ...

    def handle(self, event: Event) -> None:
        raise ZeroDivisionError(event.event_type)

    def tick(self, _now: float, /) -> None:
        raise AssertionError

    def close(self) -> None:
        raise ZeroDivisionError


def test_a_display_that_fails_is_dropped_and_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    view = RunView()
    script = Script()
    with unblocked_streams() as streams:
        audience = Audience(Terminal(), streams, Failing(), view)
        audience.start()
        for event in script.events[:3]:
            audience.handle(event)
        audience.tick(0.0)
        audience.close()
        streams.settle(5)
    said = " ".join(capfd.readouterr().err.split())
    assert said.count("the display has failed (ZeroDivisionError: ") == 1
    assert "the run goes on" in said


def test_one_error_in_groups_of_one_is_found_and_no_other() -> None:
    error = SetupError("no key")
    assert only_cause(ExceptionGroup("", [ExceptionGroup("", [error])])) is error
    for other in (ExceptionGroup("", [error, error]), ExceptionGroup("", [ValueError()])):
        assert only_cause(other) is other
