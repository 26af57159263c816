"""What the engine asks of the world around it, in its own words; adapters fill these in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from cortex_cli.engine.allowance import Allowance
from cortex_cli.engine.cache import CacheUse
from cortex_cli.engine.masking import Masker
from cortex_cli.engine.model_client import CutShort as CutShort
from cortex_cli.engine.model_client import Message as Message
from cortex_cli.engine.model_client import ModelClient as ModelClient
from cortex_cli.engine.model_client import ModelPiece as ModelPiece
from cortex_cli.engine.model_client import ModelRequest as ModelRequest
from cortex_cli.engine.model_client import TextPiece as TextPiece
from cortex_cli.engine.model_client import ThoughtPiece as ThoughtPiece
from cortex_cli.engine.past import Past
from cortex_cli.engine.people import Answer as Answer
from cortex_cli.engine.people import Approver as Approver
from cortex_cli.engine.people import Decider as Decider
from cortex_cli.engine.people import Decision as Decision
from cortex_cli.engine.people import Failure as Failure
from cortex_cli.engine.people import Question as Question
from cortex_cli.engine.planner import Planner
from cortex_cli.errors import CortexError
from cortex_cli.events import Event, Usage
from cortex_cli.plan.describe import Outlook
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.agent_loop import AgentLoopProtocol
from cortex_cli.protocol.fetch import Fetch
from cortex_cli.protocol.offers import Offer
from cortex_cli.protocol.plan import OutputDeclaration
from cortex_cli.protocol.sealed import Sealed, holds_sealed, reveal

Soon = Callable[[Callable[[], None]], object]


class Clock(Protocol):
    """Where the engine takes the time from."""

    def now(self) -> float:
        """Seconds on a clock that never runs backwards; its zero is arbitrary."""
        ...

    def wall(self) -> float:
        """Seconds since 1970; a run reads it once, and goes on with `now`."""
        ...


class Journal(Protocol):
    """Where events are written down before anyone sees them."""

    def append(self, event: Event) -> bool:
        """Take an event down, in order; whether it is durable already.

        Where it is not, the function given to `watch` says later when it is.
        """
        ...

    def watch(
        self, soon: Soon, written: Callable[[int], None], failed: Callable[[CortexError], None]
    ) -> None:
        """Called once by the engine, in its event loop, before the first append.

        `soon(f)` calls f in the engine's event loop soon, from any thread. `written(n)`: every
        event up to sequence n is durable. `failed(e)`: nothing more can be written.
        """
        ...


class Reporter(Protocol):
    """How a handler says what happens while it works; each call becomes an event or a total."""

    def progress(
        self,
        message: str = "",
        *,
        fraction: float | None = None,
        current: float | None = None,
        total: float | None = None,
    ) -> None:
        """Say how far the work is: `fraction` from 0 to 1, or `current` of `total`."""
        ...

    def token(self, text: str, model: str) -> None:
        """Pass on a piece of a model's answer."""
        ...

    def thought(self, text: str) -> None:
        """Pass on a piece of a model's reasoning."""
        ...

    def usage(self, usage: Usage) -> None:
        """Add to what the action has used; counted over all its attempts."""
        ...

    def warn(self, message: str) -> None:
        """Tell the user something that does not end the action."""
        ...


class ActionCall(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of one action: all that a handler may know of it.

    `parameters` and `env` are resolved. `timeout` is in seconds, for information: the engine
    cancels the handler when it has passed. `attempt` counts from 1; after `is_last_attempt` no
    other is made of the same target. Secrets in `parameters` and
    `env` are sealed; `masker` is None where the run has none. What comes back is masked by the
    engine; a handler masks what it cuts before it cuts it. `allowance` is there where the run has
    a budget and the handler tells its `estimate`; that much is reserved for the first call.
    """

    action: Action
    parameters: Mapping[str, Any]
    env: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    cwd: str | None = None
    attempt: int = 1
    is_last_attempt: bool = True
    timeout: float | None = None
    execution_id: str = ""
    path: tuple[str, ...] = ()
    run_dir: Path | None = None
    masker: Masker | None = None
    allowance: Allowance | None = None
    report: Reporter

    @property
    def idempotency_key(self) -> str:
        """Run, action and attempt: what a service may tell a repeated call by."""
        return ":".join(
            (self.execution_id, "/".join((*self.path, self.action.id)), str(self.attempt))
        )

    def revealed(self, value: Any) -> Any:
        """A value with its secrets in the open, for where it leaves on purpose."""
        return value if self.masker is None else reveal(value)

    def masked(self, text: str) -> str:
        """A text without secrets."""
        return text if self.masker is None else self.masker.mask(text)

    def has_secret(self, value: Any) -> bool:
        """Whether there is a secret in a value, sealed or in the open, in any spelling."""
        return self.masker is not None and (holds_sealed(value) or self.masker.finds(value))


class Handler(Protocol):
    """Performs the attempts of one target.

    `run` returns the output, a JSON value, or raises ActionError for a failure that the user can
    read. When it is cancelled it ends all it has started, under a short shield, and re-raises.

    A handler may also have `async def prepare(call)`, for what is to be done once before the
    first attempt, such as starting a service. It is awaited before each `run`, its failures count
    as those of the attempt, and its time does not count against the attempt's limit.

    One whose outputs may be cached has `async def fingerprint(call) -> Mapping[str, str]`: digests
    of what an output depends on beside the call, under `tool` (its files) and `environment` (its
    declared variables). It raises NotCacheableError where they can't be told.

    One that asks models has `def estimate(parameters) -> Usage`: what its first call to a model
    uses at most, with `cost_usd` None where no price is known; ActionError where it can't be told.
    In a run with a budget it keeps to that, and asks `call.allowance` before each further call.
    """

    async def run(self, call: ActionCall) -> Any:
        """Perform one attempt."""
        ...


class Targets(Protocol):
    """What the actions of one agent or workflow can call."""

    def handler(self, action: Action) -> Handler:
        """The handler of a tool, relic or llm action; ActionError if there is none."""
        ...

    def nested(self, action: Action) -> "RunSpec":
        """The run behind an agent or workflow action; ActionError if there is none."""
        ...

    def nested_seconds(self, action: Action, /) -> float | None:
        """The scheduled seconds of the plan behind an agent or workflow action, if known."""
        ...


class InputRules(Protocol):
    """What an agent or workflow asks of its inputs."""

    def accept(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The inputs with defaults filled in, and warnings; ManifestError for a misfit."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """An agent or workflow, ready to run: everything but its inputs.

    `variables` are the declared ones, which may hold references; a bare name in them that no
    variable has is looked up in `ambient`, the process environment. `outlook` is the plan,
    checked and worked out; None where only a `goal` is known. `secrets` are those of its manifest
    that it refers to, there once the run begins. `planner` writes the plans of a run that has a
    `goal` and no plan, and mends those that fail; what they may call are the `offers`. `feeds`
    fetch what its prompt has (see `FedValues.due`); a plan that is written down holds those that
    it needs.
    """

    name: str
    protocol: AgentLoopProtocol
    targets: Targets
    outlook: Outlook | None = None
    goal: str | None = None
    outputs: Mapping[str, OutputDeclaration] = field(default_factory=dict[str, OutputDeclaration])
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    ambient: Mapping[str, str] = field(default_factory=dict[str, str])
    secrets: Mapping[str, Sealed] = field(default_factory=dict[str, Sealed])
    input_rules: InputRules | None = None
    planner: Planner | None = None
    offers: tuple[Offer, ...] = ()
    feeds: tuple[Fetch, ...] = ()
    is_conversation: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What one run is given beside what it runs.

    `run_id` is a new one by default, `started_at`, in seconds since 1970, is now, or the start of
    the earlier part. `approver` is asked for approvals, None if nobody can be; `answers` has those
    that were given beforehand, which is all that an autonomous run has; `run_dir` is the folder for
    what the run's tools leave behind; `past` is what an earlier part of the run has done; `resume`
    is the command that goes on with the run; without a `cache` no output is used again; actions of
    the outermost plan whose ids are in `left_out` are skipped, as if they had completed with
    nothing.
    """

    run_id: str | None = None
    started_at: float | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    approver: Approver | None = None
    answers: Approver | None = None
    run_dir: Path | None = None
    past: Past | None = None
    resume: str | None = None
    left_out: frozenset[str] = frozenset()
    cache: CacheUse | None = None
