"""The request that an operation of a service is, and where the service is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cortex_cli.actions.http_answer import HARMLESS
from cortex_cli.actions.operations import Operation, OperationParameter, choose_operation
from cortex_cli.actions.parameters import encoded
from cortex_cli.actions.url_template import check_segments, encode, with_query
from cortex_cli.engine.ports import ActionCall
from cortex_cli.errors import ActionError, SetupError
from cortex_cli.manifest.relic_models import Endpoint
from cortex_cli.plan.paths import Path
from cortex_cli.plan.references import MISSING, find, resolve, walk
from cortex_cli.protocol.sealed import reveal

_IN_PATH = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_WITHOUT_BODY = frozenset({"GET", "DELETE", "HEAD"})


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a service, ready to be sent, and sent again."""

    method: str
    url: str
    headers: Mapping[str, bytes]
    content: bytes | None


def resolve_base_url(
    base_url: str,
    *,
    variables: Mapping[str, str],
    ambient: Mapping[str, str],
    secrets: Mapping[str, str] | None = None,
) -> str:
    """A relic's `base_url` with its references resolved.

    A name is a declared variable, else one of the process environment, `ambient`; `env.NAME` is
    a declared one, `secrets.NAME` one of the secrets. SetupError if a name has no value and the
    reference no default.
    """

    def lookup(root: str, path: Path) -> Any:
        for names in ({"env": variables, "secrets": secrets or {}}, variables, ambient):
            if root in names:
                return walk(names[root], path)
        return MISSING

    for _, reference in find(base_url):
        if reference.default is None and lookup(reference.root, reference.path) in (MISSING, ""):
            message = f"the base_url '{base_url}' needs {reference.text}, which has no value"
            raise SetupError(message, hint=f"set the environment variable {reference.root}")
    return str(reveal(resolve(base_url, lookup)))


class Endpoints:
    """The endpoints of a service at `base_url`, and the requests that calls of them are."""

    def __init__(self, endpoints: tuple[Endpoint, ...], base_url: str) -> None:
        """`base_url` is resolved."""
        self.base_url = base_url.rstrip("/")
        self._by_name = {endpoint.name: endpoint for endpoint in endpoints}
        self._operations = [_operation(endpoint) for endpoint in endpoints]

    def url(self, name: str) -> str:
        """The URL of an endpoint, by its name, or of a path."""
        endpoint = self._by_name.get(name)
        path = name if endpoint is None else endpoint.path
        return f"{self.base_url}/{path.removeprefix('/')}"

    def request(self, call: ActionCall) -> Request:
        """The request that a call is; ActionError as in `choose_operation`."""
        operation, chosen = choose_operation(call.action, call.parameters, self._operations)
        parameters: dict[str, Any] = call.revealed(chosen)
        endpoint = self._by_name[operation.name]
        url = self.base_url + _fill_path(endpoint, parameters)
        headers: dict[str, bytes] = {}
        content = None
        if endpoint.method in _WITHOUT_BODY:
            url = with_query(url, parameters)
        else:
            headers["content-type"] = b"application/json"
            content = encoded(parameters)
        if endpoint.method not in HARMLESS:
            headers["idempotency-key"] = call.idempotency_key.encode()
        return Request(endpoint.method, url, headers, content)


def _operation(endpoint: Endpoint) -> Operation:
    """The endpoint as an operation; one that declares no parameters takes any."""
    in_path = {name: OperationParameter() for name in _IN_PATH.findall(endpoint.path)}
    declared = {
        name: OperationParameter(
            type=parameter.type, required=parameter.required, default=parameter.default
        )
        for name, parameter in endpoint.parameters.items()
    }
    return Operation(
        name=endpoint.name, parameters={**in_path, **declared}, open=not endpoint.parameters
    )


def _fill_path(endpoint: Endpoint, parameters: dict[str, Any]) -> str:
    """The path with its parameters in place; takes them out of `parameters`."""
    path = endpoint.path
    for name in dict.fromkeys(_IN_PATH.findall(endpoint.path)):
        text = encode(parameters.pop(name, None))
        if not text:
            message = f"operation '{endpoint.name}' has no value for '{name}' in its path"
            raise ActionError(message, error_type="parameters", retryable=False)
        path = path.replace(f"{{{name}}}", text)
    path = f"/{path.removeprefix('/')}"
    check_segments(path)
    return path
