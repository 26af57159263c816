"""The targets of a run whose plans a model makes or mends: what is called keeps to what is offered.

Parameters that hold references are held against their schema once more when they have values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cortex_cli.engine.ports import ActionCall, Handler, RunSpec, Targets
from cortex_cli.errors import ActionError
from cortex_cli.plan.offered import Menu, NotOfferedError, misfits
from cortex_cli.plan.references import holds_dollar
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.fetch import Fetch
from cortex_cli.protocol.offers import Offer


class OfferedTargets:
    """Other targets, of which only what is offered can be called; `is_free`: the rest can, too."""

    def __init__(self, targets: Targets, offers: Sequence[Offer], *, is_free: bool) -> None:
        self._targets = targets
        self._menu = Menu(offers)
        self._is_free = is_free

    def handler(self, action: Action) -> Handler:
        """The handler of a tool, relic or llm action; ActionError if it is not offered."""
        handler = self._targets.handler(action)
        offer = self._offer(action)
        if offer is None or not holds_dollar(action.parameters):
            return handler
        return _Checked(handler, offer)

    def nested(self, action: Action) -> RunSpec:
        """The run behind an agent or workflow action; ActionError if it is not offered."""
        self._offer(action)
        return self._targets.nested(action)

    def nested_seconds(self, action: Action, /) -> float | None:
        """The scheduled seconds of the plan behind an agent or workflow action, if known."""
        return self._targets.nested_seconds(action)

    def _offer(self, action: Action) -> Offer | None:
        if isinstance(action, Fetch):
            # The manifest asks for it, not the model.
            return None
        try:
            return self._menu.find(action)
        except NotOfferedError as error:
            if self._is_free:
                return None
            raise ActionError(str(error), error_type="not_offered", retryable=False) from error


@dataclass(frozen=True, slots=True)
class _Checked:
    """A handler whose parameters are checked before it is called."""

    handler: Handler
    offer: Offer

    def __getattr__(self, name: str) -> Any:
        """What else the handler has."""
        return getattr(self.handler, name)

    async def run(self, call: ActionCall) -> Any:
        """Perform an attempt, if its parameters fit."""
        found = misfits(call.parameters, self.offer.parameters, are_values=True)
        if found:
            message = (
                f"the parameters do not fit those of '{self.offer.target}': {'; '.join(found)}"
            )
            raise ActionError(message, error_type="parameters", retryable=False)
        return await self.handler.run(call)
