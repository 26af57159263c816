"""What a manifest may say (MANIFESTS.md): one frozen model for each of the four kinds.

Keys that the standard allows and that have no effect are kept as they are. Everything else that
is not declared here is an error.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from cortex_cli.kinds import ManifestKind, OnFailure
from cortex_cli.manifest.parameters import InputDeclaration
from cortex_cli.protocol.action import Action, RetryPolicy, Seconds, Written
from cortex_cli.protocol.agent_loop import AgentLoopProtocol
from cortex_cli.protocol.plan import OutputDeclaration

Name = Annotated[str, Field(min_length=1, max_length=1_000)]


class EnvironmentDeclaration(Written):
    """Variables of a manifest; values may hold references."""

    variables: dict[str, str] = Field(default_factory=dict)
    env_file: str | None = None
    resources: dict[str, Any] = Field(default_factory=dict)


class ImportDeclaration(Written):
    """Paths, relative to the importing file, or bare names."""

    tools: tuple[str, ...] = ()
    relics: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()
    amulets: tuple[str, ...] = ()
    monuments: tuple[str, ...] = ()


class SecretDeclaration(Written):
    """Where a secret is taken from; exactly one of the three."""

    env: str | None = None
    file: str | None = None
    command: tuple[str, ...] | None = None


class ManifestBase(Written):
    """What all kinds have."""

    kind: ManifestKind
    name: Name
    version: str | None = None
    summary: str = ""
    description: str = ""
    environment: EnvironmentDeclaration = EnvironmentDeclaration()
    secrets: dict[str, SecretDeclaration] = Field(default_factory=dict)
    imports: ImportDeclaration = Field(default=ImportDeclaration(), alias="import")
    inputs: dict[str, InputDeclaration] | None = None
    outputs: dict[str, OutputDeclaration] = Field(default_factory=dict)
    author: Any = None
    state: Any = None
    grade: Any = None
    tags: Any = None
    metadata: Any = None
    metrics: Any = None
    examples: Any = None
    returns: Any = None
    service_type: Any = None
    persistence: Any = None
    automation: Any = None

    @field_validator("inputs", mode="before")
    @classmethod
    def _short_inputs(cls, value: Any) -> Any:
        return _unfold_types(value)

    @field_validator("outputs", mode="before")
    @classmethod
    def _short_outputs(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            name: output if isinstance(output, dict) else {"source": output}
            for name, output in value.items()
        }


def _unfold_types(value: Any) -> Any:
    """`NAME: string` is short for `NAME: {type: string}`."""
    if not isinstance(value, dict):
        return value
    return {
        name: {"type": declared} if isinstance(declared, str) else declared
        for name, declared in value.items()
    }


class Persona(Written):
    """Prompt files, by path."""

    agent: str | None = None
    user: str | None = None
    system: str | None = None
    knowledge: str | tuple[str, ...] | None = None


class ModelChoice(Written):
    """A model, by provider and name."""

    provider: str
    model: str | None = None
    base_url: str | None = None


class ModelParameters(Written):
    """Settings passed to a model."""

    temperature: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    stream: bool = True


class CognitiveEngine(Written):
    """The models of an agent."""

    primary: ModelChoice | None = None
    fallback: ModelChoice | None = None
    parameters: ModelParameters = ModelParameters()


class FeedSource(Written):
    """Where a context feed takes its value from."""

    type: Literal["internal", "tool", "relic", "workflow", "llm", "external"]
    name: str | None = None
    action: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)


class ContextFeed(Written):
    """A named value that is fetched when it is needed."""

    id: str
    type: Literal["on_demand", "periodic", "streaming"] = "on_demand"
    interval: Seconds | None = None
    source: FeedSource


class AgentManifest(ManifestBase):
    """An agent: a loop over a plan that is written down, or made by a model for a goal."""

    kind: Literal[ManifestKind.AGENT]
    protocol: AgentLoopProtocol = AgentLoopProtocol()
    actions: tuple[Action, ...] | None = None
    goal: str | None = None
    persona: Persona = Persona()
    iteration_cap: Annotated[int, Field(ge=1)] | None = None
    agency_level: str | None = None
    cognitive_engine: CognitiveEngine = CognitiveEngine()
    context_feeds: tuple[ContextFeed, ...] = ()


class ErrorHandling(Written):
    """What the steps of a workflow do on failure unless they say otherwise."""

    on_step_failure: OnFailure = OnFailure.ABORT


class WorkflowConfiguration(Written):
    """Defaults for the steps of a workflow; `timeout` in seconds for the whole."""

    timeout: Seconds | None = None
    default_retry_policy: RetryPolicy | None = None
    error_handling: ErrorHandling = ErrorHandling()
    observability: Any = None


class Trigger(Written):
    """The inputs of a workflow, as the standard writes them."""

    type: Any = None
    event: Any = None
    schedule: Any = None
    parameters: dict[str, InputDeclaration] = Field(default_factory=dict)

    @field_validator("parameters", mode="before")
    @classmethod
    def _short_parameters(cls, value: Any) -> Any:
        return _unfold_types(value)


class WorkflowManifest(ManifestBase):
    """A workflow: a plan without a loop; `steps` is the standard's list, read top to bottom."""

    kind: Literal[ManifestKind.WORKFLOW]
    protocol: AgentLoopProtocol = AgentLoopProtocol()
    actions: tuple[Action, ...] | None = None
    steps: tuple[Action, ...] | None = None
    trigger: Trigger = Trigger()
    configuration: WorkflowConfiguration = WorkflowConfiguration()
