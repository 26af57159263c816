"""Manifests of kind Relic: a service with named operations, called or built in."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, model_validator

from cortex_cli.kinds import ManifestKind
from cortex_cli.manifest.command_line import arguments
from cortex_cli.manifest.models import ManifestBase, Name
from cortex_cli.manifest.parameters import Declaration, TypeName, is_mapping, unfold_type
from cortex_cli.protocol.action import Seconds

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]


class EndpointParameter(Declaration):
    """A parameter of an endpoint; it must be given unless it has a default."""

    type: TypeName = "string"
    required: StrictBool = True
    description: str = ""
    default: Any = None

    @model_validator(mode="before")
    @classmethod
    def _default_is_enough(cls, value: Any) -> Any:
        if is_mapping(value) and "default" in value:
            return {"required": False, **value}
        return value


WrittenParameter = Annotated[
    EndpointParameter,
    BeforeValidator(unfold_type, json_schema_input_type=TypeName | EndpointParameter),
]


class Endpoint(Declaration):
    """One operation of a service."""

    name: Name
    method: Method = "GET"
    path: str = Field(description="A `{name}` in it is a parameter")
    parameters: dict[str, WrittenParameter] = Field(default_factory=dict)
    description: str = ""
    returns: Any = None


class RestInterface(Declaration):
    """A service that answers HTTP."""

    type: Literal["rest_api"]
    base_url: str = Field(default="", description="Needed to call the service; may hold references")
    endpoints: Annotated[tuple[Endpoint, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        seen: set[str] = set()
        for endpoint in self.endpoints:
            if endpoint.name in seen:
                message = f"two of the 'endpoints' are called '{endpoint.name}'"
                raise ValueError(message)
            seen.add(endpoint.name)
        return self


class EmbeddedInterface(Declaration):
    """A key-value store that is built in."""

    type: Literal["embedded"]
    engine: Literal["sqlite_kv"]


Interface = Annotated[RestInterface | EmbeddedInterface, Field(discriminator="type")]


class RelicHealthCheck(Declaration):
    """A request that must be answered with `expected_status` before the first use."""

    endpoint: str
    method: Literal["GET", "POST", "HEAD"] = "GET"
    expected_status: int = 200
    type: Any = None


class Deployment(Declaration):
    """Who starts the service: cortex for `process`, otherwise the user, with settings of theirs."""

    model_config = ConfigDict(extra="allow")

    type: str
    command: str | tuple[str, ...] | None = Field(
        default=None, description="What starts the service, and goes on until it is ended"
    )
    start_seconds: Seconds = Field(
        default=30.0, description="How long the service may take until it answers"
    )

    @model_validator(mode="after")
    def _can_be_started(self) -> Self:
        if self.is_process:
            if self.command is None:
                message = "a deployment of the type 'process' needs a 'command'"
                raise ValueError(message)
            try:
                arguments(self.command)
            except ValueError as error:
                message = f"the 'command' {error}"
                raise ValueError(message) from error
        return self

    @property
    def is_process(self) -> bool:
        """Whether cortex starts and ends the service."""
        return self.type == "process"


class RelicManifest(ManifestBase):
    """A stateful service with named operations."""

    kind: Literal[ManifestKind.RELIC]
    interface: Interface
    health_check: RelicHealthCheck | None = None
    deployment: Deployment | None = None
    fallback: Literal["embedded"] | None = Field(
        default=None, description="What is used when no service answers"
    )
    capabilities_endpoint: Any = None
