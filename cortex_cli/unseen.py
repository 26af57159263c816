"""What has happened in a run and no event tells of by itself, so that it can be replayed.

An event has, under `unseen`, what has happened since the one before it.
"""

from typing import Any

import msgspec

from cortex_cli.kinds import StopCause, TurnEnding
from cortex_cli.payloads import Part, Usage


class _Unseen(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """`path` is that of the run, root or nested, in which it happened."""

    path: tuple[str, ...]


class PartWritten(_Unseen, frozen=True, kw_only=True, tag="part_written"):
    """An action was written that the next event is not about: it waits for others, as a rule.

    `written` is the action, where the text is not its JSON.
    """

    part: Part
    text: str
    written: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class TurnBegun(_Unseen, frozen=True, kw_only=True, tag="turn_begun"):
    """A model was asked that had to wait for that; `turn` counts from 1 in an iteration."""

    turn: int


class TurnEnded(_Unseen, frozen=True, kw_only=True, tag="turn_ended"):
    """A model writes no more: `ending` says why, and `error` what it has failed with.

    `usage` is that of the turn. `is_answered`: it gave a final answer, which is the `answer` of the
    end of the plan, or is here where no such end follows.
    """

    turn: int
    model: str
    ending: TurnEnding
    error: str = ""
    error_type: str = ""
    is_retryable: bool = False
    usage: Usage | None = None
    is_answered: bool = False
    answer: Any = None


class RunStopped(_Unseen, frozen=True, kw_only=True, tag="run_stopped"):
    """Nothing more begins, and what runs is ended, for a cause from outside; `why` is for people.

    What comes of that are events.
    """

    cause: StopCause
    why: str = ""


Unseen = PartWritten | TurnBegun | TurnEnded | RunStopped
