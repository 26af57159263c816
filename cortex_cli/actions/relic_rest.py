"""Relics that are services: each operation one HTTP request."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cortex_cli.actions.hosts import Hosts, parse_url
from cortex_cli.actions.http_answer import HARMLESS, read_output
from cortex_cli.actions.operations import Operation, OperationParameter, choose_operation
from cortex_cli.actions.parameters import encoded
from cortex_cli.actions.url_template import check_segments, encode, with_query
from cortex_cli.engine.ports import ActionCall
from cortex_cli.errors import ActionError, SetupError
from cortex_cli.manifest.relic_models import (
    Endpoint,
    RelicHealthCheck,
    RelicManifest,
    RestInterface,
)
from cortex_cli.plan.paths import Path
from cortex_cli.plan.references import MISSING, find, resolve, walk
from cortex_cli.protocol.sealed import reveal

if TYPE_CHECKING:
    from cortex_cli.actions.network import HttpClient
    from cortex_cli.actions.relic_kv import EmbeddedRelic

HEALTH_SECONDS = 10.0

_IN_PATH = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_WITHOUT_BODY = frozenset({"GET", "DELETE", "HEAD"})


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


class RestRelic:
    """A handler that calls a service.

    A parameter that the path names is one segment of it; the rest are the JSON body, or the query
    for GET, DELETE and HEAD. The answer is JSON if it is, else text; `success: false` in it is
    data. Only the host of the `base_url` is called.

    The health check, if there is one, passes before the first use. With an `embedded` relic to
    fall back on, that one is used for good, with one warning, if no service answers at first; a
    service that has answered once is never left for it, so that no data is split between them.
    """

    def __init__(
        self, manifest: RelicManifest, *, base_url: str, embedded: "EmbeddedRelic | None" = None
    ) -> None:
        """`base_url` is resolved; nothing is opened before the first use."""
        import anyio

        interface = manifest.interface
        if not isinstance(interface, RestInterface):
            message = f"relic '{manifest.name}' is of type '{interface.type}'"
            raise TypeError(message)
        self._manifest = manifest
        self._endpoints = {endpoint.name: endpoint for endpoint in interface.endpoints}
        self._operations = [_operation(endpoint) for endpoint in interface.endpoints]
        self._base_url = base_url.rstrip("/")
        self._embedded = embedded
        self._client: HttpClient | None = None
        self._turn = anyio.Lock()
        self._is_healthy = False
        self._has_answered = False
        self._in_use: EmbeddedRelic | None = None

    async def run(self, call: ActionCall) -> Any:
        """Perform one attempt."""
        from cortex_cli.actions.network import NoConnectionError

        try:
            await self._check_health_once()
            if self._in_use is None:
                return await self._perform(call)
        except NoConnectionError as error:
            if self._embedded is None or self._has_answered:
                raise
            if self._in_use is None:
                call.report.warn(
                    f"relic '{self._manifest.name}': {error}; its built-in store is used instead"
                )
            self._in_use = self._embedded
        return await self._in_use.run(call)

    async def aclose(self) -> None:
        """Close the connections, and the embedded store; a second time does nothing."""
        if self._embedded is not None:
            await self._embedded.aclose()
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _perform(self, call: ActionCall) -> Any:
        operation, chosen = choose_operation(call.action, call.parameters, self._operations)
        parameters: dict[str, Any] = call.revealed(chosen)
        endpoint = self._endpoints[operation.name]
        url = self._base_url + _fill_path(endpoint, parameters)
        headers: dict[str, bytes] = {}
        content = None
        if endpoint.method in _WITHOUT_BODY:
            url = with_query(url, parameters)
        else:
            headers["content-type"] = b"application/json"
            content = encoded(parameters)
        if endpoint.method not in HARMLESS:
            headers["idempotency-key"] = call.idempotency_key.encode()
        exchange = self._open().exchange(endpoint.method, url, headers=headers, content=content)
        async with exchange as response:
            self._has_answered = True
            return await read_output(response, call)

    async def _check_health_once(self) -> None:
        """Ask whether the service is well, unless it was before, or is not used at all."""
        import anyio

        from cortex_cli.actions.network import NoConnectionError

        check = self._manifest.health_check
        async with self._turn:
            if check is None or self._is_healthy or self._in_use is not None:
                return
            with anyio.move_on_after(HEALTH_SECONDS) as waiting:
                await self._check_health(check)
            if waiting.cancelled_caught:
                message = f"no answer to its health check within {HEALTH_SECONDS:g} s"
                raise NoConnectionError(message)
            self._is_healthy = True

    async def _check_health(self, check: RelicHealthCheck) -> None:
        endpoint = self._endpoints.get(check.endpoint)
        path = check.endpoint if endpoint is None else endpoint.path
        url = f"{self._base_url}/{path.removeprefix('/')}"
        async with self._open().exchange(check.method, url) as response:
            self._has_answered = True
            status = response.status_code
        if status != check.expected_status:
            message = (
                f"relic '{self._manifest.name}' is not well: "
                f"its health check answered {status}, not {check.expected_status}"
            )
            raise ActionError(message, error_type="unhealthy")

    def _open(self) -> "HttpClient":
        from cortex_cli.actions.network import HttpClient, NoConnectionError

        if not self._base_url:
            message = "it has no base_url"
            raise NoConnectionError(message)
        if self._client is None:
            try:
                hosts = Hosts.of(parse_url(self._base_url))
            except ValueError as error:
                message = f"the base_url of relic '{self._manifest.name}' can't be called: {error}"
                raise ActionError(message, error_type="url", retryable=False) from error
            self._client = HttpClient(hosts)
        return self._client


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
