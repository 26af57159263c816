"""What a manifest may say (MANIFESTS.md): one frozen model for each of the four kinds.

Keys that the standard allows and that have no effect are kept as they are. Everything else that
is not declared here is an error.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, model_validator

from cortex_cli.kinds import ManifestKind, OnFailure
from cortex_cli.manifest.mcp_models import ImportedServer, ServerName
from cortex_cli.manifest.parameters import Declaration, WrittenInput, is_mapping
from cortex_cli.manifest.secret_models import SecretDeclaration
from cortex_cli.protocol.action import Action, RetryPolicy, Seconds
from cortex_cli.protocol.agent_loop import MOST_ITERATIONS, AgentLoopProtocol
from cortex_cli.protocol.plan import OutputDeclaration

Name = Annotated[str, Field(min_length=1, max_length=1_000)]


def _one_is_a_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Texts = Annotated[
    tuple[str, ...], BeforeValidator(_one_is_a_list, json_schema_input_type=str | tuple[str, ...])
]


def _unfold_source(value: Any) -> Any:
    is_whole = is_mapping(value) or isinstance(value, OutputDeclaration)
    return value if is_whole else {"source": value}


WrittenOutput = Annotated[
    OutputDeclaration,
    BeforeValidator(
        _unfold_source,
        json_schema_input_type=OutputDeclaration | str | float | bool | list[Any] | None,
    ),
]


VARIABLE = re.compile("[A-Z_][A-Z0-9_]*")
"""What names of variables look like, which may also stand in an `environment` itself."""


class EnvironmentDeclaration(Declaration):
    """Variables of a manifest; values may hold references."""

    model_config = ConfigDict(
        json_schema_extra={"patternProperties": {f"^{VARIABLE.pattern}$": {"type": "string"}}}
    )

    variables: dict[str, str] = Field(default_factory=dict)
    env_file: Texts = Field(default=(), description="Files of KEY=VALUE lines, the last one wins")
    resources: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        """Variables may also be written beside `variables`, which have the last word."""
        if not is_mapping(value):
            return value
        loose = {key: one for key, one in value.items() if VARIABLE.fullmatch(key)}
        if not loose:
            return value
        kept = {key: one for key, one in value.items() if key not in loose}
        inner = value.get("variables")
        if inner is None or is_mapping(inner):
            kept["variables"] = {**loose, **(inner or {})}
        return kept


class ImportDeclaration(Declaration):
    """Paths, relative to the importing file, or bare names; MCP servers with all their tools."""

    tools: tuple[str, ...] = ()
    relics: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()
    mcp: tuple[ServerName | ImportedServer, ...] = ()
    amulets: tuple[str, ...] = ()
    monuments: tuple[str, ...] = ()


class ManifestBase(Declaration):
    """What all kinds have; `kind` is declared by each."""

    name: Name
    version: str | None = Field(default=None, description="In quotes: a bare 1.10 is a number")
    summary: str = ""
    description: str = ""
    environment: EnvironmentDeclaration = EnvironmentDeclaration()
    secrets: dict[str, SecretDeclaration] = Field(default_factory=dict)
    imports: ImportDeclaration = Field(default=ImportDeclaration(), alias="import")
    inputs: dict[str, WrittenInput] | None = None
    outputs: dict[str, WrittenOutput] = Field(default_factory=dict)
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


class Persona(Declaration):
    """Prompt files, by path."""

    agent: str | None = None
    user: str | None = None
    system: str | None = None
    knowledge: Texts = ()


class ModelChoice(Declaration):
    """A model, by provider and name, and how it is reached."""

    provider: Annotated[str, Field(min_length=1)]
    model: str | None = None
    base_url: Annotated[str, Field(pattern=r"^https?://")] | None = Field(
        default=None, description="Of an endpoint that speaks the OpenAI API"
    )
    api_key_env: str | None = Field(default=None, description="The variable that holds the key")


class ModelParameters(Declaration):
    """Settings passed to a model."""

    temperature: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    stream: StrictBool = True


class CognitiveEngine(Declaration):
    """The models of an agent."""

    primary: ModelChoice | None = None
    fallback: ModelChoice | None = None
    parameters: ModelParameters = ModelParameters()


class FeedSource(Declaration):
    """Where a context feed takes its value from."""

    type: Literal["internal", "tool", "relic", "workflow", "agent", "llm", "external"]
    name: str | None = None
    action: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_what_is_called(self) -> Self:
        if self.type in {"tool", "relic", "workflow", "agent"} and not self.name:
            message = f"a source of type {self.type} needs the 'name' of what it calls"
            raise ValueError(message)
        return self


class ContextFeed(Declaration):
    """A named value that is fetched when it is needed, and again when it is older than `interval`."""

    id: Name
    type: Literal["on_demand", "periodic", "streaming"] = "on_demand"
    interval: Seconds | None = Field(default=None, description="Seconds")
    source: FeedSource


class AgentManifest(ManifestBase):
    """An agent: a loop over a plan that is written down, or made by a model for a goal."""

    kind: Literal[ManifestKind.AGENT]
    protocol: AgentLoopProtocol = AgentLoopProtocol()
    actions: tuple[Action, ...] | None = Field(default=None, description="The plan")
    goal: str | None = Field(
        default=None, description="What a model makes a plan for; may refer to inputs and variables"
    )
    persona: Persona = Persona()
    iteration_cap: Annotated[int, Field(ge=0, le=MOST_ITERATIONS)] | None = Field(
        default=None,
        description="The standard's word for protocol.max_iterations; 0: as many as there can be",
    )
    agency_level: str | None = None
    cognitive_engine: CognitiveEngine = CognitiveEngine()
    context_feeds: tuple[ContextFeed, ...] = ()

    @model_validator(mode="after")
    def _says_it_once(self) -> Self:
        if self.iteration_cap is not None and "max_iterations" in self.protocol.model_fields_set:
            message = "'iteration_cap' and 'protocol.max_iterations' say the same thing: give one"
            raise ValueError(message)
        return self


class ErrorHandling(Declaration):
    """What the steps of a workflow do on failure unless they say otherwise."""

    on_step_failure: OnFailure = OnFailure.ABORT


class WorkflowConfiguration(Declaration):
    """Defaults for the steps of a workflow."""

    timeout: Seconds | None = Field(default=None, description="Seconds, for the whole workflow")
    default_retry_policy: RetryPolicy | None = None
    error_handling: ErrorHandling = ErrorHandling()
    observability: Any = None


class Trigger(Declaration):
    """The inputs of a workflow, as the standard writes them."""

    type: Any = None
    event: Any = None
    schedule: Any = None
    parameters: dict[str, WrittenInput] | None = None


class WorkflowManifest(ManifestBase):
    """A workflow: a plan without a loop; `steps` is the standard's list, read top to bottom."""

    kind: Literal[ManifestKind.WORKFLOW]
    protocol: AgentLoopProtocol = AgentLoopProtocol()
    actions: tuple[Action, ...] | None = Field(default=None, description="The plan")
    steps: tuple[Action, ...] | None = Field(
        default=None, description="The plan, one step after the other unless a step says otherwise"
    )
    trigger: Trigger = Trigger()
    configuration: WorkflowConfiguration = WorkflowConfiguration()

    @model_validator(mode="after")
    def _says_it_once(self) -> Self:
        pairs = (
            ("'actions' and 'steps'", self.actions, self.steps),
            ("'inputs' and 'trigger.parameters'", self.inputs, self.trigger.parameters),
        )
        for pair, first, second in pairs:
            if first is not None and second is not None:
                message = f"{pair} say the same thing: give one"
                raise ValueError(message)
        if self.actions is None and self.steps is None:
            message = "a workflow needs 'actions' or 'steps'"
            raise ValueError(message)
        written = self.protocol.model_fields_set
        if self.configuration.timeout is not None and "max_execution_time_seconds" in written:
            message = (
                "'configuration.timeout' and 'protocol.max_execution_time_seconds'"
                " say the same thing: give one"
            )
            raise ValueError(message)
        return self
