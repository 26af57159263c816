"""The form in which relics were written before the standard: `PraetorianRelics: {NAME: {…}}`."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from cortex_cli.kinds import ManifestKind
from cortex_cli.manifest.models import ManifestBase, Name
from cortex_cli.manifest.parameters import Declaration, TypeName
from cortex_cli.manifest.relic_models import (
    Deployment,
    Endpoint,
    EndpointParameter,
    Method,
    RelicHealthCheck,
    RelicManifest,
    RestInterface,
)
from cortex_cli.manifest.wording import PRAETORIAN


class SchemaProperty(Declaration):
    """One parameter of an operation."""

    type: TypeName = "string"
    description: str = ""
    default: Any = None


class ParametersSchema(Declaration):
    """The parameters of an operation, as JSON Schema writes them."""

    type: Any = "object"
    properties: dict[str, SchemaProperty] = Field(default_factory=dict)
    required: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _required_are_described(self) -> Self:
        for name in self.required:
            if name not in self.properties:
                message = f"'required' names '{name}', which is not among the 'properties'"
                raise ValueError(message)
        return self


class Operation(Declaration):
    """One operation of the service; `endpoint` is its path."""

    name: str
    endpoint: str
    method: Method = "GET"
    description: str = ""
    parameters_schema: ParametersSchema = ParametersSchema()
    returns: Any = None


class Connection(Declaration):
    """Where the service answers."""

    base_url: str
    protocol: Any = None


class PraetorianRelic(ManifestBase):
    """A relic; without a `name` it is called what its key says."""

    name: Name = ""
    type: Any = None
    connection: Connection
    operations: Annotated[tuple[Operation, ...], Field(min_length=1)]
    health_check: RelicHealthCheck | None = None
    deployment: dict[str, Any] | None = None
    capabilities_endpoint: Any = None

    def as_relic(self, key: str) -> RelicManifest:
        """The same in the words of the standard; ValidationError if two operations share a name."""
        written = {
            field.alias or name: getattr(self, name)
            for name, field in ManifestBase.model_fields.items()
            if name in self.model_fields_set
        }
        interface = RestInterface(
            type="rest_api",
            base_url=self.connection.base_url,
            endpoints=tuple(map(_endpoint, self.operations)),
        )
        return RelicManifest.model_validate(
            {
                "name": key,
                **written,
                "kind": ManifestKind.RELIC,
                "interface": interface,
                "health_check": self.health_check,
                "deployment": _deployment(self.deployment),
                "capabilities_endpoint": self.capabilities_endpoint,
            }
        )


class PraetorianFile(Declaration):
    """A file with one relic in the form that came before the standard."""

    relics: dict[str, PraetorianRelic] = Field(alias=PRAETORIAN)

    @model_validator(mode="after")
    def _holds_one(self) -> Self:
        if len(self.relics) != 1:
            message = f"'{PRAETORIAN}' must hold one relic, not {len(self.relics)}"
            raise ValueError(message)
        return self


def _endpoint(operation: Operation) -> Endpoint:
    schema = operation.parameters_schema
    return Endpoint(
        name=operation.name,
        method=operation.method,
        path=operation.endpoint,
        description=operation.description,
        returns=operation.returns,
        parameters={
            name: EndpointParameter.model_validate(
                {
                    "required": name in schema.required,
                    **declared.model_dump(exclude_unset=True),
                }
            )
            for name, declared in schema.properties.items()
        },
    )


def _deployment(written: dict[str, Any] | None) -> Deployment | None:
    if written is None:
        return None
    return Deployment.model_validate({"type": "external", **written})
