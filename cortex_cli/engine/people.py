"""The people that a run asks: what it asks them, and what they answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from cortex_cli.kinds import ActionType, WayOn
from cortex_cli.protocol.action import Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Whether an action may run: `parameters` are resolved, secrets in them masked.

    `was_interrupted`: it was in flight when an earlier part of the run ended.
    """

    path: tuple[str, ...]
    action: Action
    parameters: Mapping[str, Any]
    was_interrupted: bool = False

    @property
    def text(self) -> str:
        """The question for people, on one line."""
        action = self.action
        what = f"{action.type} '{action.target}'" if action.target else str(action.type)
        operation = f" ({action.operation})" if action.operation else ""
        who = f"'{'/'.join((*self.path, action.id))}'"
        if action.type is ActionType.INTERNAL:
            return f"May {who} go ahead: {action.name}?"
        if self.was_interrupted:
            return f"{who} was interrupted; may it call {what}{operation} again?"
        return f"May {who} call {what}{operation}?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Who lets an action run or does not; `text` is what they said about it."""

    approved: bool
    by: str
    text: str | None = None


class Approver(Protocol):
    """A person, or who speaks for one."""

    @property
    def is_there(self) -> bool:
        """Whether a question of any kind is likely to be answered."""
        ...

    async def ask(self, question: Question) -> Answer | None:
        """The answer, however long it takes; None: nobody can be asked. May be cancelled."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An action that has failed, with all its attempts and fallbacks.

    `parameters` are resolved, secrets in them masked; empty where they can't be. `was_open`: it
    was asked about in an earlier part of the run, which ended before the answer.
    """

    path: tuple[str, ...]
    action: Action
    parameters: Mapping[str, Any]
    error: str
    error_type: str
    attempts: int
    was_open: bool = False

    @property
    def text(self) -> str:
        """The question for people, on one line."""
        who = "/".join((*self.path, self.action.id))
        tries = f" after {self.attempts} attempts" if self.attempts > 1 else ""
        return f"'{who}' failed{tries}. Retry it, skip it, or stop the run?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is done about a failure, and who says so."""

    way: WayOn
    by: str


@runtime_checkable
class Decider(Protocol):
    """An approver who may also be asked what to do about an action that has failed."""

    def can_decide(self, failure: Failure, /) -> bool:
        """Whether the question is likely to be answered; otherwise the failure stands."""
        ...

    async def decide(self, failure: Failure, /) -> Decision | None:
        """The answer, however long it takes; None: the failure stands. May be cancelled."""
        ...
