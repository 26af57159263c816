"""What an action of a plan that a model writes may call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cortex_cli.kinds import ActionType


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A target, for a relic or a tool with several operations one of them.

    `parameters` is the JSON Schema of an object; `description` is for the model.
    """

    type: ActionType
    target: str
    operation: str | None = None
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
