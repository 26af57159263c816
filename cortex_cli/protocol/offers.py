"""What an action of a plan that a model writes may call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cortex_cli.kinds import ActionType, Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A target, for a relic or a tool with several operations one of them.

    `parameters` is the JSON Schema of an object; `description` is for the model. `effect` is what
    the target says that repeating it does to the world, None for the default of its type. The
    target of a model that an `llm` action names no target for is `default`.
    """

    type: ActionType
    target: str
    operation: str | None = None
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    effect: Effect | None = None
