"""Each tool that misbehaves ends in its typed event, in time, and leaves nothing behind."""

from collections.abc import Iterable

import pytest

from cortex_cli.events import ActionCompleted, ActionFailed, Event, Progress, WarningRaised
from tests.badtools.bench import MEGABYTE, TOOLS, Bench, Memory, play

SHORT, LONG = 0.5, 60.0
COMPLETED = "completed"
HALVES = "½ wörd \N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}"
LEFT_BEHIND = "it left processes running, which were ended"

# How each ends: the type of its error, or completed; and its timeout in seconds.
ENDINGS = {
    "exits_with_3": ("exit_status", LONG),
    "dies_by_sigkill": ("signal", LONG),
    "hangs": ("timeout", SHORT),
    "ignores_term": ("timeout", SHORT),
    "leaves_a_grandchild_on_the_pipe": (COMPLETED, LONG),
    "leaves_a_daemon": (COMPLETED, LONG),
    "prints_a_gigabyte": (COMPLETED, LONG),
    "prints_a_long_line": (COMPLETED, LONG),
    "writes_half_characters": (COMPLETED, LONG),
    "runs_on_without_stdout": ("timeout", SHORT),
    "writes_to_stderr_for_ever": ("timeout", SHORT),
    "prints_its_environment": (COMPLETED, LONG),
    "forks_a_thousand": ("timeout", 2 * SHORT),
    "leaves_a_thousand_daemons": (COMPLETED, LONG),
}
# The grace of 5 s, and 2 s for the rest.
MOST_AFTER_TIMEOUT = 7.0


class Ended:
    """A run that has ended: what became of each action."""

    def __init__(self, events: list[Event]) -> None:
        self.events = events
        self.last = events[-1]
        self.completed = {e.action_id: e.data for e in events if isinstance(e, ActionCompleted)}
        self.failed = {e.action_id: e.data for e in events if isinstance(e, ActionFailed)}

    def endings(self) -> dict[str, str]:
        """Each action's error type, or that it has completed."""
        failed = {key: data.error_type for key, data in self.failed.items()}
        return failed | dict.fromkeys(self.completed, COMPLETED)

    def late(self) -> list[str]:
        """Those that took longer than they may."""
        return [
            name
            for name, data in (self.completed | self.failed).items()
            if data.duration_seconds > ENDINGS[name][1] + MOST_AFTER_TIMEOUT
        ]

    def progress(self, action: str) -> list[str]:
        """The messages of an action's progress."""
        own = (e for e in self.events if isinstance(e, Progress) and e.action_id == action)
        return [event.data.message for event in own]

    def warnings(self) -> list[str]:
        """All warnings, in order of the alphabet."""
        return sorted(e.data.message for e in self.events if isinstance(e, WarningRaised))


async def end_all(bench: Bench, names: Iterable[str]) -> Ended:
    """Run these tools at once."""
    tools = [bench.script(path) for path in sorted(TOOLS.iterdir())]
    assert set(tools) == set(ENDINGS)
    actions = {name: f"target: {name}, timeout_seconds: {ENDINGS[name][1]}" for name in names}
    return Ended(await play(bench.session(actions, tools)))


@pytest.mark.no_cover
@pytest.mark.timeout(240)
async def test_tools_that_misbehave_all_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD", "hunter2")
    memory = Memory()
    ended = await end_all(bench, ENDINGS)
    assert memory.growth() < 64 * MEGABYTE
    assert bench.survivors(ended.last.execution_id) == []
    assert ended.endings() == {name: ending for name, (ending, _) in ENDINGS.items()}
    # A machine that is busy can make anything late; once more, then, without the others.
    if late := ended.late():
        assert (await end_all(bench, late)).late() == []
    check_errors_and_warnings(ended)
    check_outputs(ended)
    check_progress(ended)


def check_errors_and_warnings(ended: Ended) -> None:
    assert ended.failed["exits_with_3"].error == "exit code 3: the reason"
    assert ended.failed["dies_by_sigkill"].error == "ended by signal SIGKILL (9)"
    assert ended.warnings() == [
        *[LEFT_BEHIND] * 3,
        "its output of 1,000,000,000 bytes was cut",
    ]


def check_outputs(ended: Ended) -> None:
    outputs = {name: data.output for name, data in ended.completed.items()}
    assert outputs["leaves_a_grandchild_on_the_pipe"] == "done"
    assert outputs["leaves_a_daemon"] == "done"
    assert len(outputs["prints_a_gigabyte"]) < 5 * MEGABYTE
    assert " bytes cut] …" in outputs["prints_a_gigabyte"]
    assert outputs["prints_a_long_line"] == "x" * 200_000
    assert outputs["writes_half_characters"] == HALVES
    assert "CORTEX_RUN_ID=" in outputs["prints_its_environment"]
    assert "hunter2" not in outputs["prints_its_environment"]


def check_progress(ended: Ended) -> None:
    assert ended.progress("prints_a_long_line") == ["y" * 2_000 + " … [cut]"]
    assert ended.progress("writes_half_characters") == [HALVES]
    flood = ended.progress("writes_to_stderr_for_ever")
    assert flood == ["y"] * 10_000 + ["… [further lines on standard error are not shown]"]
