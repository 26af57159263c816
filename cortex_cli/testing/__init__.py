"""Fakes and contract suites for tests of cortex and of what is built on it."""

from cortex_cli.testing.calls import RecordingReporter, ReportedProgress, make_call
from cortex_cli.testing.clock import FakeClock
from cortex_cli.testing.models import ScriptedLLM
from cortex_cli.testing.planners import ScriptedPlanner
from cortex_cli.testing.scripts import Answer, BrokenOff, Call, Garbled, Hang, Pace, Refusal
from cortex_cli.testing.server import ScriptedServer

__all__ = [
    "Answer",
    "BrokenOff",
    "Call",
    "FakeClock",
    "Garbled",
    "Hang",
    "Pace",
    "RecordingReporter",
    "Refusal",
    "ReportedProgress",
    "ScriptedLLM",
    "ScriptedPlanner",
    "ScriptedServer",
    "make_call",
]
