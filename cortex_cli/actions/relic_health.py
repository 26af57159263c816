"""Whether a service can be used: started where that is for cortex to do, and well."""

from typing import TYPE_CHECKING

import anyio

from cortex_cli.actions.http_answer import drop_body
from cortex_cli.actions.network import HttpClient, NoConnectionError
from cortex_cli.actions.relic_request import Endpoints
from cortex_cli.engine.ports import Reporter
from cortex_cli.errors import ActionError
from cortex_cli.manifest.relic_models import RelicHealthCheck, RelicManifest

if TYPE_CHECKING:
    from cortex_cli.actions.service import Service

HEALTH_SECONDS = 10.0
PROBE_SECONDS = 2.0

_NOT_UP = frozenset({"connection", "unhealthy"})


class Readiness:
    """Sees once, before the first use, that a service is there and well."""

    def __init__(
        self,
        manifest: RelicManifest,
        endpoints: Endpoints,
        client: HttpClient,
        service: "Service | None",
    ) -> None:
        """`service` is the one to start, if there is one."""
        self.has_answered = False
        self._name = manifest.name
        self._check = manifest.health_check
        self._endpoints = endpoints
        self._client = client
        self._service = service
        self._is_ready = False

    async def ensure(self, report: Reporter) -> None:
        """Have the service started and ask whether it is well, unless that was done before.

        To be called by one at a time. Raises NoConnectionError where nothing answers in time, and
        ActionError: `unhealthy`, or `port_in_use` where something is in the place of the service.
        """
        if self._is_ready:
            return
        if self._service is not None:
            await self._start(self._service, report)
        elif self._check is not None:
            with anyio.move_on_after(HEALTH_SECONDS) as waiting:
                await self._ask(self._check)
            if waiting.cancelled_caught:
                message = f"no answer to its health check within {HEALTH_SECONDS:g} s"
                raise NoConnectionError(message)
        self._is_ready = True

    async def _start(self, service: "Service", report: Reporter) -> None:
        if service.has_started or not await self._answers():
            await service.start(self._answers)
            return
        place = self._endpoints.base_url
        if self._check is None:
            message = f"something listens at {place}, where the service of '{self._name}' would be"
            hint = "end that, or write base_url: http://127.0.0.1:${PORT} for a port that is free"
            raise ActionError(message, error_type="port_in_use", retryable=False, hint=hint)
        report.warn(
            f"relic '{self._name}': a service answers at {place} already, so none is started; "
            "that one is used, and not ended"
        )

    async def _answers(self) -> bool:
        """Whether the health check passes; where there is none, whether anything listens."""
        try:
            with anyio.move_on_after(PROBE_SECONDS):
                if self._check is None:
                    await self._client.connect(self._endpoints.base_url)
                else:
                    await self._ask(self._check)
                return True
        except ActionError as error:
            if error.error_type not in _NOT_UP:
                raise
        return False

    async def _ask(self, check: RelicHealthCheck) -> None:
        url = self._endpoints.url(check.endpoint)
        async with self._client.exchange(check.method, url) as response:
            # What is still coming up, or in its place, is not the service yet.
            self.has_answered = self.has_answered or self._service is None
            status = response.status_code
            await drop_body(response)
        if status != check.expected_status:
            message = (
                f"relic '{self._name}' is not well: "
                f"its health check answered {status}, not {check.expected_status}"
            )
            raise ActionError(message, error_type="unhealthy")
