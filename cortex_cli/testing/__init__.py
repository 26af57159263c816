"""Fakes and contract suites for tests of cortex and of what is built on it."""

from cortex_cli.testing.calls import RecordingReporter, ReportedProgress, make_call
from cortex_cli.testing.clock import FakeClock
from cortex_cli.testing.models import ScriptedLLM

__all__ = ["FakeClock", "RecordingReporter", "ReportedProgress", "ScriptedLLM", "make_call"]
