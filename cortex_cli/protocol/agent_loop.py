"""`AgentLoopProtocol`: the settings of the loop plan → execute → check termination (PROTOCOL 4)."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool

from cortex_cli.kinds import ActionType, Effect, ProtocolMode
from cortex_cli.protocol.action import MAX_PARALLEL, Delay, Seconds, Written
from cortex_cli.protocol.resources import Resource, parse_resource

MOST_ITERATIONS = 1_000_000

ModeName = Literal["default", "autonomous", "strict"]
ParallelLimit = Annotated[int, Field(strict=True, ge=1, le=MAX_PARALLEL)]


def _mode(written: ProtocolMode | str) -> ProtocolMode:
    return ProtocolMode(written)


def _sound(written: float | str) -> float | str:
    parse_resource(written)
    return written


WrittenResource = Annotated[
    Annotated[float, Field(strict=True, allow_inf_nan=False)] | str, AfterValidator(_sound)
]


class Budget(Written):
    """The most that a run may spend on models."""

    tokens: Annotated[int, Field(strict=True, ge=1)] | None = None
    cost_usd: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] | None = None

    @property
    def units(self) -> dict[str, float]:
        """What is limited, and to how much."""
        both = {"tokens": self.tokens, "cost_usd": self.cost_usd}
        return {kind: float(most) for kind, most in both.items() if most is not None}

    def changed(self, limits: Mapping[str, float | None]) -> "Budget":
        """The budget with other limits of these kinds; None lifts one."""
        update = {
            kind: int(most) if kind == "tokens" and most is not None else most
            for kind, most in limits.items()
        }
        return self.model_copy(update=update)


class AgentLoopProtocol(Written):
    """How a run goes about its plan; every field has the default of PROTOCOL 4."""

    mode: Annotated[ProtocolMode | ModeName, AfterValidator(_mode)] = ProtocolMode.DEFAULT
    max_iterations: Annotated[int, Field(strict=True, ge=1, le=MOST_ITERATIONS)] = 10
    max_execution_time_seconds: Seconds = 3600.0
    allow_parallel_actions: StrictBool = True
    max_parallel_actions: ParallelLimit | Literal["auto"] = 5
    stream_llm_tokens: StrictBool = True
    stream_action_results: StrictBool = True
    stream_thoughts: StrictBool = True
    auto_retry_on_failure: StrictBool = True
    fail_fast: StrictBool = False
    require_user_approval: StrictBool | tuple[ActionType | Effect, ...] = False
    terminate_on_goal_achieved: StrictBool = True
    terminate_on_no_progress: StrictBool = True
    terminate_on_error: StrictBool = False
    fire_and_forget_grace_seconds: Delay = 10.0
    self_healing: StrictBool | None = None
    max_patches: Annotated[int, Field(strict=True, ge=0, le=100)] = 2
    budget: Budget | None = None
    resources: dict[str, WrittenResource] = Field(default_factory=dict)

    @property
    def shared(self) -> dict[str, Resource]:
        """The pools and rates of the run by name."""
        return {name: parse_resource(written) for name, written in self.resources.items()}

    @property
    def slots(self) -> int:
        """How many leaf actions may run at once; `auto` starts from the default."""
        if not self.allow_parallel_actions:
            return 1
        return 5 if self.max_parallel_actions == "auto" else self.max_parallel_actions

    @property
    def nested_cap(self) -> int | None:
        """The further cap that a nested run sets on itself, None where it sets none.

        `auto` sets none: the number of slots that adapts is that of the whole run.
        """
        if self.allow_parallel_actions and self.max_parallel_actions == "auto":
            return None
        chosen = {"max_parallel_actions", "allow_parallel_actions"} & self.model_fields_set
        return self.slots if chosen else None
