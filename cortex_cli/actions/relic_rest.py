"""Relics that are services: each operation one HTTP request."""

from functools import partial
from typing import TYPE_CHECKING, Any

from cortex_cli.actions.hosts import Hosts, parse_url
from cortex_cli.actions.http_answer import read_output, status_error
from cortex_cli.actions.http_retry import IDEMPOTENT, PASSING, PassingError, persist
from cortex_cli.actions.relic_request import Endpoints, Request
from cortex_cli.engine.cache import NotCacheableError, digest
from cortex_cli.engine.ports import ActionCall, Reporter
from cortex_cli.errors import ActionError
from cortex_cli.manifest.relic_models import RelicManifest, RestInterface

if TYPE_CHECKING:
    from cortex_cli.actions.network import HttpClient
    from cortex_cli.actions.relic_health import Readiness
    from cortex_cli.actions.relic_kv import EmbeddedRelic
    from cortex_cli.actions.service import Service


class RestRelic:
    """A handler that calls a service.

    A parameter that the path names is one segment of it; the rest are the JSON body, or the query
    for GET, DELETE and HEAD. The answer is JSON if it is, else text; `success: false` in it is
    data. Only the host of the `base_url` is called.

    The health check, if there is one, passes before the first use. With an `embedded` relic to
    fall back on, that one is used for good, with one warning, if no service answers at first; a
    service that has answered once is never left for it, so that no data is split between them.

    A request is sent up to three times: where no connection is made, and, if its method is
    idempotent, where its answer is lost or is 502, 503 or 504.

    A `service` is started before the first use, and ended by `aclose`. If one that answers the
    health check was there before, that one is used, with a warning.
    """

    def __init__(
        self,
        manifest: RelicManifest,
        *,
        base_url: str,
        embedded: "EmbeddedRelic | None" = None,
        service: "Service | None" = None,
    ) -> None:
        """`base_url` is resolved; nothing is opened before the first use."""
        import anyio

        interface = manifest.interface
        if not isinstance(interface, RestInterface):
            message = f"relic '{manifest.name}' is of type '{interface.type}'"
            raise TypeError(message)
        self._manifest = manifest
        self._base_url = base_url
        self._endpoints = Endpoints(interface.endpoints, base_url)
        self._embedded = embedded
        self._service = service
        self._opened: tuple[HttpClient, Readiness] | None = None
        self._turn = anyio.Lock()
        self._has_answered = False
        self._in_use: EmbeddedRelic | None = None

    async def fingerprint(self, call: ActionCall) -> dict[str, str]:
        """The digests of the manifest and of where the service is; not of what it keeps."""
        if call.has_secret(self._base_url):
            message = "it is given a secret"
            raise NotCacheableError(message)
        return {
            "tool": digest(self._manifest.model_dump(mode="json")),
            "environment": digest(self._base_url),
        }

    async def prepare(self, call: ActionCall) -> None:
        """Start the service, if it is cortex's to start, and see that it is well."""
        from cortex_cli.actions.network import NoConnectionError

        async with self._turn:
            if self._in_use is not None:
                return
            try:
                await self._open()[1].ensure(call.report)
            except NoConnectionError as error:
                self._fall_back(error, call.report)

    async def run(self, call: ActionCall) -> Any:
        """Perform one attempt."""
        from cortex_cli.actions.network import NoConnectionError

        await self.prepare(call)
        if self._in_use is None:
            try:
                return await self._perform(call)
            except NoConnectionError as error:
                self._fall_back(error, call.report)
        assert self._in_use is not None
        return await self._in_use.run(call)

    async def aclose(self) -> None:
        """Close the connections and the embedded store, end the service; again: nothing."""
        if self._embedded is not None:
            await self._embedded.aclose()
        if self._opened is not None:
            await self._opened[0].aclose()
            self._opened = None
        if self._service is not None:
            await self._service.aclose()

    def _fall_back(self, error: ActionError, report: Reporter) -> None:
        """Use the embedded store from now on; raise the error if that can't be."""
        if self._embedded is None or self._was_reached():
            raise error
        if self._in_use is None:
            report.warn(
                f"relic '{self._manifest.name}': {error}; its built-in store is used instead"
            )
        self._in_use = self._embedded

    def _was_reached(self) -> bool:
        in_check = self._opened is not None and self._opened[1].has_answered
        return self._has_answered or in_check

    async def _perform(self, call: ActionCall) -> Any:
        request = self._endpoints.request(call)
        try:
            return await persist(partial(self._send, request, call))
        except ActionError as error:
            if self._service is not None and error.error_type == "connection":
                # What has become of the service says more than that there was no answer.
                await self._service.check()
            raise

    async def _send(self, request: Request, call: ActionCall) -> Any:
        from cortex_cli.actions.network import NoConnectionError

        is_repeatable = request.method in IDEMPOTENT
        exchange = self._open()[0].exchange(
            request.method, request.url, headers=request.headers, content=request.content
        )
        try:
            async with exchange as response:
                self._has_answered = True
                if is_repeatable and response.status_code in PASSING:
                    raise PassingError(await status_error(response, call))
                return await read_output(response, call)
        except ActionError as error:
            was_sent = not isinstance(error, NoConnectionError)
            if error.error_type != "connection" or (was_sent and not is_repeatable):
                raise
            if not was_sent and self._embedded is not None and not self._was_reached():
                raise
            raise PassingError(error) from error

    def _open(self) -> "tuple[HttpClient, Readiness]":
        from cortex_cli.actions.network import HttpClient, NoConnectionError
        from cortex_cli.actions.relic_health import Readiness

        base_url = self._endpoints.base_url
        if not base_url:
            message = "it has no base_url"
            raise NoConnectionError(message)
        if self._opened is None:
            try:
                hosts = Hosts.of(parse_url(base_url))
            except ValueError as error:
                message = f"the base_url of relic '{self._manifest.name}' can't be called: {error}"
                raise ActionError(message, error_type="url", retryable=False) from error
            client = HttpClient(hosts)
            readiness = Readiness(self._manifest, self._endpoints, client, self._service)
            self._opened = client, readiness
        return self._opened
