"""Manifests of kind Relic: a service with named operations, called or built in."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from cortex_cli.kinds import ManifestKind
from cortex_cli.manifest.models import ManifestBase, Name
from cortex_cli.manifest.parameters import TypeName
from cortex_cli.protocol.action import Written


class EndpointParameter(Written):
    """A parameter of an endpoint."""

    type: TypeName = "string"
    required: bool = True
    description: str = ""
    default: Any = None


class Endpoint(Written):
    """One operation of a service: `{name}` in the path is a parameter."""

    name: Name
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = "GET"
    path: str
    parameters: dict[str, EndpointParameter] = Field(default_factory=dict)
    description: str = ""
    returns: Any = None

    @field_validator("parameters", mode="before")
    @classmethod
    def _short_parameters(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {
            name: {"type": declared} if isinstance(declared, str) else declared
            for name, declared in value.items()
        }


class RestInterface(Written):
    """A service that answers HTTP."""

    type: Literal["rest_api"]
    base_url: str
    endpoints: Annotated[tuple[Endpoint, ...], Field(min_length=1)]


class EmbeddedInterface(Written):
    """A key-value store that is built in."""

    type: Literal["embedded"]
    engine: Literal["sqlite_kv"]


Interface = Annotated[RestInterface | EmbeddedInterface, Field(discriminator="type")]


class RelicHealthCheck(Written):
    """A request that must be answered with `expected_status` before the first use."""

    endpoint: str
    method: Literal["GET", "POST", "HEAD"] = "GET"
    expected_status: int = 200
    type: Any = None


class Deployment(Written):
    """Who starts the service: cortex for `process`, otherwise the user."""

    type: str
    command: str | tuple[str, ...] | None = None


class RelicManifest(ManifestBase):
    """A stateful service with named operations."""

    kind: Literal[ManifestKind.RELIC]
    interface: Interface
    health_check: RelicHealthCheck | None = None
    deployment: Deployment | None = None
    fallback: Literal["embedded"] | None = None
    capabilities_endpoint: Any = None
