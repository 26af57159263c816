"""What a handler is given in a test: a call, and a reporter that remembers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cortex_cli.engine.ports import ActionCall
from cortex_cli.events import Usage
from cortex_cli.kinds import ActionType
from cortex_cli.protocol.action import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedProgress:
    """One thing a handler said of how far it was."""

    message: str = ""
    fraction: float | None = None
    current: float | None = None
    total: float | None = None


@dataclass(slots=True)
class RecordingReporter:
    """A reporter that keeps what it was told, in order."""

    steps: list[ReportedProgress] = field(default_factory=list[ReportedProgress])
    tokens: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    thoughts: list[str] = field(default_factory=list[str])
    usages: list[Usage] = field(default_factory=list[Usage])
    warnings: list[str] = field(default_factory=list[str])

    def progress(
        self,
        message: str = "",
        *,
        fraction: float | None = None,
        current: float | None = None,
        total: float | None = None,
    ) -> None:
        """Keep how far the work is, in `steps`."""
        self.steps.append(
            ReportedProgress(message=message, fraction=fraction, current=current, total=total)
        )

    def token(self, text: str, model: str) -> None:
        """Keep a piece of a model's answer, with the model's name, in `tokens`."""
        self.tokens.append((text, model))

    def thought(self, text: str) -> None:
        """Keep a piece of a model's reasoning, in `thoughts`."""
        self.thoughts.append(text)

    def usage(self, usage: Usage) -> None:
        """Keep what was used, in `usages`."""
        self.usages.append(usage)

    def warn(self, message: str) -> None:
        """Keep a warning, in `warnings`."""
        self.warnings.append(message)


def make_call(
    parameters: Mapping[str, Any] | None = None,
    *,
    report: RecordingReporter | None = None,
    operation: str | None = None,
    env: Mapping[str, str] | None = None,
    run_dir: Path | None = None,
) -> ActionCall:
    """The first attempt of a tool action with these resolved parameters."""
    action = Action(
        id="act", name="act", type=ActionType.TOOL, target="target", operation=operation
    )
    return ActionCall(
        action=action,
        parameters=dict(parameters or {}),
        env=dict(env or {}),
        execution_id="run-1",
        run_dir=run_dir,
        report=RecordingReporter() if report is None else report,
    )
