"""`Action`: one executable unit of a plan, as people write it (PROTOCOL 2)."""

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    field_validator,
    model_validator,
)

from cortex_cli.ids import ACTION_ID, OUTPUT_KEY, RESERVED_KEYS, slug
from cortex_cli.kinds import (
    ActionMode,
    ActionType,
    Backoff,
    Effect,
    OnFailure,
    OnInterrupted,
    RunIf,
)

LEAF_TIMEOUT_SECONDS = 300.0
MAX_ATTEMPTS = 1_000
MAX_PARALLEL = 10_000
LONGEST_NAME = 1_000

Seconds = Annotated[float, Field(strict=True, gt=0, le=1e9, allow_inf_nan=False)]
Delay = Annotated[float, Field(strict=True, ge=0, le=1e9, allow_inf_nan=False)]

if TYPE_CHECKING:
    # Lists are taken too; a tuple is what they become.
    from collections.abc import Sequence

    Texts = Sequence[str]
else:
    Texts = tuple[str, ...]


class Written(BaseModel):
    """The base of everything people write: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class RetryPolicy(Written):
    """How often a failed attempt is repeated, and after how long."""

    max_attempts: Annotated[int, Field(strict=True, ge=1, le=MAX_ATTEMPTS)] = 1
    backoff: Backoff = Backoff.EXPONENTIAL
    delay_seconds: Delay = 1.0
    max_delay_seconds: Delay = 60.0
    jitter: StrictBool = True


class CachePolicy(Written):
    """For how long an earlier output may be reused, and under which key."""

    ttl_seconds: Seconds | None = None
    key: str | None = None


class DecisionCase(Written):
    """If `when` (CEL) is true, the decision's output is `value` and the `then` actions may run."""

    when: str
    value: Any = None
    then: tuple[str, ...] = ()


class DecisionDefault(Written):
    """What a decision does when no case is true."""

    value: Any = None
    then: tuple[str, ...] = ()


def _fill_id(data: dict[str, Any]) -> None:
    name = data.get("name")
    if data.get("id") is None:
        if not isinstance(name, str):
            message = "an action needs an 'id' or a 'name'"
            raise ValueError(message)
        data["id"] = slug(name)
        if not ACTION_ID.fullmatch(data["id"]):
            message = f"the name {name!r} makes no id: give the action an 'id'"
            raise ValueError(message)
    if name is None:
        data["name"] = data["id"]


def _take_alias(data: dict[str, Any], alias: str, field: str) -> Any:
    if field in data:
        message = f"'{alias}' and '{field}' say the same thing: give one of them"
        raise ValueError(message)
    return data.pop(alias)


def _unfold_aliases(data: dict[str, Any]) -> None:
    if "retry_policy" in data:
        data["retry"] = _take_alias(data, "retry_policy", "retry")
    if "retry_count" in data:
        count = _take_alias(data, "retry_count", "retry")
        if not isinstance(count, int) or not 0 <= count < MAX_ATTEMPTS:
            message = f"'retry_count' must be a whole number from 0 to {MAX_ATTEMPTS - 1}"
            raise ValueError(message)
        data["retry"] = {"max_attempts": count + 1}
    if "skip_on_error" in data:
        skip = _take_alias(data, "skip_on_error", "on_failure")
        if not isinstance(skip, bool):
            message = "'skip_on_error' must be true or false"
            raise ValueError(message)
        data["on_failure"] = OnFailure.CONTINUE if skip else OnFailure.FAIL


class Action(Written):
    """One executable unit of a plan.

    At least one of `id` and `name` is given: the id defaults to the slug of the name, the name
    to the id. Times are in seconds. Raises pydantic's ValidationError for anything misfit.
    """

    id: str = ""
    name: Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)] = ""
    type: ActionType
    target: str | None = None
    operation: str | None = None
    mode: ActionMode = ActionMode.ASYNC
    parameters: dict[str, Any] = Field(default_factory=dict)
    depends_on: Texts = ()
    wait_for_all: StrictBool = True
    run_if: RunIf = RunIf.SUCCESS
    condition: str | None = None
    output_key: str | None = None
    timeout_seconds: Annotated[
        Seconds | None,
        Field(description="Per attempt; left out, 300 for leaves and none else; null: none"),
    ] = None
    retry: RetryPolicy = RetryPolicy()
    on_failure: OnFailure = OnFailure.FAIL
    fallback: Texts = ()
    priority: Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)] = 0
    estimate_seconds: Delay | None = None
    resources: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default_factory=dict
    )
    cache: StrictBool | CachePolicy = False
    for_each: Any = None
    effect: Effect | None = None
    on_interrupted: OnInterrupted | None = None
    env: dict[str, str] = Field(default_factory=dict)
    cwd: str | None = None
    cases: tuple[DecisionCase, ...] = ()
    default: DecisionDefault | None = None

    @model_validator(mode="before")
    @classmethod
    def _normalise(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        values: dict[str, Any] = {**data}
        _unfold_aliases(values)
        _fill_id(values)
        return values

    @field_validator("depends_on", "fallback", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("id")
    @classmethod
    def _id_is_sound(cls, value: str) -> str:
        if not ACTION_ID.fullmatch(value):
            message = (
                "an id is a letter or '_', then up to 127 letters, digits, '_' or '-'"
                f", not {value[:40]!r}"
            )
            raise ValueError(message)
        return value

    @field_validator("output_key")
    @classmethod
    def _key_is_free(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if value in RESERVED_KEYS:
            message = f"'{value}' is a reserved name and cannot be an output_key: choose another"
            raise ValueError(message)
        if not OUTPUT_KEY.fullmatch(value):
            message = f"an output_key is letters, digits and '_', not {value[:40]!r}"
            raise ValueError(message)
        return value

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        if self.type is ActionType.DECISION:
            if not self.cases and self.default is None:
                message = "a decision needs 'cases'"
                raise ValueError(message)
        elif self.cases or self.default is not None:
            message = f"'cases' and 'default' belong to a decision, not to a {self.type}"
            raise ValueError(message)
        if self.for_each is not None:
            self._can_repeat()
        if self.target is None and self.type not in _NEEDS_NO_TARGET:
            message = f"an action of type {self.type} needs a 'target'"
            raise ValueError(message)
        return self

    def _can_repeat(self) -> None:
        if self.type is ActionType.DECISION:
            message = "a decision cannot have 'for_each'"
            raise ValueError(message)
        if self.mode is ActionMode.FIRE_AND_FORGET:
            message = "a fire_and_forget action cannot have 'for_each'"
            raise ValueError(message)

    @property
    def timeout(self) -> float | None:
        """Seconds that one attempt may take, the default filled in; None: no limit."""
        written = self.timeout_seconds
        if written is None and self.type.is_leaf and "timeout_seconds" not in self.model_fields_set:
            return LEAF_TIMEOUT_SECONDS
        return written

    @property
    def is_conversation(self) -> bool:
        """Whether it asks a model that may call tools: it is a run of its own then."""
        return self.type is ActionType.LLM and bool(self.parameters.get("tools"))

    @property
    def is_leaf(self) -> bool:
        """Whether the action does its work itself, and has none of its own actions do it."""
        return self.type.is_leaf and not self.is_conversation

    @property
    def holds_slot(self) -> bool:
        """Whether the action takes a slot while it runs: what only waits for others takes none."""
        return self.for_each is None and self.is_leaf

    @property
    def world_effect(self) -> Effect:
        """What repeating the action would do to the world, the default filled in."""
        if self.effect is not None:
            return self.effect
        return Effect.NONE if self.type in _HARMLESS else Effect.EXTERNAL


_NEEDS_NO_TARGET = frozenset({ActionType.LLM, ActionType.DECISION, ActionType.INTERNAL})
_HARMLESS = _NEEDS_NO_TARGET
