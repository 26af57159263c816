"""How a handler reports from within its work: each call becomes an event or a total."""

from typing import Any, Protocol

import msgspec

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
from cortex_cli.protocol.agent_loop import AgentLoopProtocol


class Reported(Protocol):
    """The action that is reported on."""

    def emit(self, kind: type[Any], data: Any) -> None:
        """Publish an event about the action."""
        ...

    def add_usage(self, usage: Usage) -> None:
        """Count what the action has used."""
        ...


class ActionReporter(msgspec.Struct, eq=False):
    """Turns what a handler says during one attempt into events; silent once that has ended."""

    _protocol: AgentLoopProtocol
    _action: Reported
    _tokens: int = 0
    _is_open: bool = True

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
        self._publish(Progress, data)

    def token(self, text: str, model: str) -> None:
        """Publish a piece of a model's answer, where the protocol streams them."""
        self._tokens += 1
        if self._protocol.stream_llm_tokens:
            data = LlmTokenData(token=text, model=model, cumulative_tokens=self._tokens)
            self._publish(LlmToken, data)

    def thought(self, text: str) -> None:
        """Publish a piece of a model's reasoning, where the protocol streams it."""
        if self._protocol.stream_thoughts:
            self._publish(Thought, ThoughtData(text=text))

    def usage(self, usage: Usage) -> None:
        """Add to what the action has used."""
        if self._is_open:
            self._action.add_usage(usage)

    def warn(self, message: str) -> None:
        """Publish a warning."""
        self._publish(WarningRaised, WarningData(message=message))

    def _publish(self, kind: type[Any], data: Any) -> None:
        if self._is_open:
            self._action.emit(kind, data)


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


def less_usage(total: Usage | None, known: Usage | None) -> Usage | None:
    """What a usage has more than one that it includes; None if that is nothing."""
    if total is None or total == known:
        return None
    before, cost = known or Usage(), total.cost_usd
    more = Usage(
        input_tokens=total.input_tokens - before.input_tokens,
        output_tokens=total.output_tokens - before.output_tokens,
        cost_usd=None if cost is None else cost - (before.cost_usd or 0.0),
    )
    is_nothing = not (more.input_tokens or more.output_tokens or more.cost_usd)
    return None if is_nothing and cost is None else more
