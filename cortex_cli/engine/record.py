"""What the engine knows of an action while it runs, and how a handler reports from within it."""

from typing import TYPE_CHECKING, Any

from cortex_cli.engine.bus import Bus, Stamp
from cortex_cli.events import (
    LlmToken,
    LlmTokenData,
    Progress,
    ProgressData,
    Thought,
    ThoughtData,
    Usage,
    WarningData,
    WarningRaised,
)
from cortex_cli.protocol.action import Action

if TYPE_CHECKING:
    from cortex_cli.engine.loop import Loop
    from cortex_cli.engine.timers import Timer
    from cortex_cli.engine.workers import Job
    from cortex_cli.kinds import CancelReason


class ActionRecord:
    """One action of a running plan; `number` is the scheduler's, times are the loop clock's."""

    __slots__ = (
        "action",
        "attempt",
        "cancel_reason",
        "job",
        "loop",
        "nested",
        "number",
        "reporter",
        "started",
        "timer",
        "usage",
    )

    def __init__(self, number: int, action: Action, loop: "Loop") -> None:
        self.number = number
        self.action = action
        self.loop = loop
        self.attempt = 0
        self.started: float | None = None
        self.usage: Usage | None = None
        self.cancel_reason: CancelReason | None = None
        self.job: Job | None = None
        self.timer: Timer | None = None
        self.nested: Loop | None = None
        self.reporter: ActionReporter | None = None

    @property
    def stamp(self) -> Stamp:
        """Where in the run the action's events happen."""
        return self.loop.stamp

    def add_usage(self, usage: Usage | None) -> None:
        """Add to what the action has used, over all its attempts."""
        self.usage = add_usage(self.usage, usage)

    def emit(self, bus: Bus, kind: type[Any], data: Any) -> None:
        """Publish an event about the action."""
        bus.action_event(kind, self.stamp, self.action.id, self.action.name, data)


class ActionReporter:
    """Turns what a handler says during one attempt into events; silent once that has ended."""

    def __init__(self, bus: Bus, record: ActionRecord) -> None:
        self._bus = bus
        self._record = record
        self._tokens = 0
        self._is_open = True

    def close(self) -> None:
        """Let nothing through any more: an action's final event is its last."""
        self._is_open = False

    def progress(
        self,
        message: str = "",
        *,
        fraction: float | None = None,
        current: float | None = None,
        total: float | None = None,
    ) -> None:
        """Publish how far the work is."""
        data = ProgressData(message=message, fraction=fraction, current=current, total=total)
        if self._is_open:
            self._record.emit(self._bus, Progress, data)

    def token(self, text: str, model: str) -> None:
        """Publish a piece of a model's answer, where the protocol streams them."""
        self._tokens += 1
        if self._is_open and self._record.loop.spec.protocol.stream_llm_tokens:
            data = LlmTokenData(token=text, model=model, cumulative_tokens=self._tokens)
            self._record.emit(self._bus, LlmToken, data)

    def thought(self, text: str) -> None:
        """Publish a piece of a model's reasoning, where the protocol streams it."""
        if self._is_open and self._record.loop.spec.protocol.stream_thoughts:
            self._record.emit(self._bus, Thought, ThoughtData(text=text))

    def usage(self, usage: Usage) -> None:
        """Add to what the action has used."""
        self._record.add_usage(usage)

    def warn(self, message: str) -> None:
        """Publish a warning."""
        if self._is_open:
            self._record.emit(self._bus, WarningRaised, WarningData(message=message))


def add_usage(total: Usage | None, more: Usage | None) -> Usage | None:
    """The sum of two usages; a cost that is not known counts as nothing beside one that is."""
    if total is None or more is None:
        return total or more
    costs = [usage.cost_usd for usage in (total, more) if usage.cost_usd is not None]
    return Usage(
        input_tokens=total.input_tokens + more.input_tokens,
        output_tokens=total.output_tokens + more.output_tokens,
        cost_usd=sum(costs) if costs else None,
    )
