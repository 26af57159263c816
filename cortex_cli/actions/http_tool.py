"""Tools of type `http`: one request, its answer as the output."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cortex_cli.actions.hosts import Hosts
from cortex_cli.actions.http_answer import HARMLESS, read_output
from cortex_cli.actions.http_check import check_http
from cortex_cli.actions.parameters import check_parameters, encoded
from cortex_cli.actions.url_template import fill_url, literal_host, with_query
from cortex_cli.actions.utf8 import utf8
from cortex_cli.engine.cache import NotCacheableError, digest
from cortex_cli.engine.ports import ActionCall
from cortex_cli.errors import ActionError
from cortex_cli.manifest.tool_models import HttpImplementation, ToolManifest
from cortex_cli.plan.paths import Path
from cortex_cli.plan.references import MISSING, Lookup, resolve, walk

if TYPE_CHECKING:
    from cortex_cli.actions.network import HttpClient

_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class HttpTool:
    """A handler that sends one request and gives its answer: JSON if it is, else text.

    References in `url`, `headers`, `query` and `body` name the tool's parameters (also under
    `inputs`), its declared variables (also under `env`) and its `secrets`. In the URL's path a
    value is one segment, in the query a value; a header whose value is null is left out, and so
    is a query parameter. A body that is a text is sent as it is, anything else as JSON.

    Only hosts in `allow_hosts` are called; where that is empty, the host that stands literally in
    the `url`, at its port. Redirects are followed, each to a declared host. A status of 400 and
    above is a failure (`http_status`), as is no answer (`connection`).
    """

    def __init__(
        self,
        manifest: ToolManifest,
        *,
        environment: Mapping[str, str],
        secrets: Mapping[str, str] | None = None,
    ) -> None:
        """`environment` holds the declared variables, `secrets` the declared secrets, resolved."""
        implementation = manifest.implementation
        if not isinstance(implementation, HttpImplementation):
            message = f"tool '{manifest.name}' is of type '{implementation.type}'"
            raise TypeError(message)
        self._manifest = manifest
        self._http = implementation
        self._environment = environment
        self._secrets = secrets or {}
        self._client: HttpClient | None = None

    async def fingerprint(self, call: ActionCall) -> dict[str, str]:
        """The digests of the manifest, all that it is, and of the variables."""
        if self._secrets or call.has_secret(self._environment):
            message = "it is given a secret"
            raise NotCacheableError(message)
        return {
            "tool": digest(self._manifest.model_dump(mode="json")),
            "environment": digest(self._environment),
        }

    async def run(self, call: ActionCall) -> Any:
        """Perform one attempt."""
        for finding in check_http(self._manifest):
            raise ActionError(
                finding.message, error_type="http", retryable=False, hint=finding.hint
            )
        operation = call.action.operation
        chosen = {} if operation is None else {"operation": operation}
        parameters = check_parameters(self._manifest, {**chosen, **call.parameters})
        http, lookup = self._http, self._lookup(call, parameters)
        url = with_query(fill_url(http.url, lookup), resolve(http.query, lookup))
        headers = dict(self._headers(lookup))
        content = self._content(headers, lookup)
        if http.method not in HARMLESS:
            headers.setdefault("idempotency-key", call.idempotency_key.encode())
        exchange = self._open().exchange(http.method, url, headers=headers, content=content)
        async with exchange as response:
            return await read_output(response, call)

    async def aclose(self) -> None:
        """Close the connections; a second time does nothing."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _open(self) -> "HttpClient":
        if self._client is None:
            from cortex_cli.actions.network import HttpClient

            declared = self._http.allow_hosts
            hosts = Hosts(declared) if declared else literal_host(self._http.url)
            self._client = HttpClient(hosts or Hosts(()))
        return self._client

    def _lookup(self, call: ActionCall, parameters: Mapping[str, Any]) -> Lookup:
        roots = {"inputs": parameters, "env": self._environment, "secrets": self._secrets}

        def lookup(root: str, path: Path) -> Any:
            # In the open: whatever is looked up goes into the request, and nowhere else.
            for names in (roots, parameters, self._environment):
                if root in names:
                    return call.revealed(walk(names[root], path))
            return MISSING

        return lookup

    def _headers(self, lookup: Lookup) -> Iterator[tuple[str, bytes]]:
        for name, value in resolve(self._http.headers, lookup).items():
            if value is None:
                continue
            text = value if isinstance(value, str) else encoded(value).decode()
            if _CONTROLS.search(text):
                message = f"the header '{name}' would hold a line break or control character"
                raise ActionError(message, error_type="parameters", retryable=False)
            yield name.lower(), utf8(text.strip())

    def _content(self, headers: dict[str, bytes], lookup: Lookup) -> bytes | None:
        body = resolve(self._http.body, lookup)
        if body is None:
            return None
        if isinstance(body, str):
            headers.setdefault("content-type", b"text/plain; charset=utf-8")
            return utf8(body)
        headers.setdefault("content-type", b"application/json")
        return encoded(body)
