"""What the engine asks of the world around it, in its own words; adapters fill these in."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from cortex_cli.events import Event, Usage
from cortex_cli.plan.describe import Outlook
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.agent_loop import AgentLoopProtocol
from cortex_cli.protocol.plan import OutputDeclaration


class Clock(Protocol):
    """Where the engine takes the time from."""

    def now(self) -> float:
        """Seconds on a clock that never runs backwards; its zero is arbitrary."""
        ...

    def wall(self) -> float:
        """Seconds since 1970."""
        ...


class Journal(Protocol):
    """Where events are written down before anyone sees them."""

    def append(self, event: Event) -> None:
        """Write the event down; it is published only after this returns."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionCall:
    """One attempt of one action: all that a handler may know of it.

    `parameters` and `env` are resolved. `timeout` is in seconds, for information: the engine
    cancels the handler when it has passed. `attempt` counts from 1; after `is_last_attempt` no
    other is made of the same target.
    """

    action: Action
    parameters: Mapping[str, Any]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    cwd: str | None = None
    attempt: int = 1
    is_last_attempt: bool = True
    timeout: float | None = None
    execution_id: str = ""
    path: tuple[str, ...] = ()
    run_dir: Path | None = None
    report: Reporter

    @property
    def idempotency_key(self) -> str:
        """Run, action and attempt: what a service may tell a repeated call by."""
        return ":".join(
            (self.execution_id, "/".join((*self.path, self.action.id)), str(self.attempt))
        )


class Handler(Protocol):
    """Performs the attempts of one target.

    `run` returns the output, a JSON value, or raises ActionError for a failure that the user can
    read. When it is cancelled it ends all it has started, under a short shield, and re-raises.
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
    checked and worked out; None where only a `goal` is known.
    """

    name: str
    protocol: AgentLoopProtocol
    targets: Targets
    outlook: Outlook | None = None
    goal: str | None = None
    outputs: Mapping[str, OutputDeclaration] = field(default_factory=dict[str, OutputDeclaration])
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    ambient: Mapping[str, str] = field(default_factory=dict[str, str])
    input_rules: InputRules | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn of a conversation with a model: role is `system`, `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """What a model is asked; None leaves a setting to the model.

    `schema` is the JSON Schema of the answer, `grammar` its grammar in GBNF; a model that can't be
    held to them is told of the schema and goes without the grammar, so whoever asks checks the
    answer. `stream` is False where the answer is wanted as one piece.
    """

    messages: tuple[Message, ...]
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    schema: Mapping[str, Any] | None = None
    grammar: str | None = None
    stream: bool = True


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ThoughtPiece:
    """A piece of the reasoning that led to the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class CutShort:
    """The answer ends before its end: it reached `max_tokens`, or was filtered."""

    reason: Literal["length", "filter"]


ModelPiece = TextPiece | ThoughtPiece | CutShort | Usage


class ModelClient(Protocol):
    """A model that answers in a stream."""

    @property
    def name(self) -> str:
        """What the model is called in events and reports."""
        ...

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """Pieces of the answer in order, with the usage last; ActionError if it can't answer.

        CutShort comes after the text. The caller closes the iterator, early if it is cancelled.
        """
        ...
