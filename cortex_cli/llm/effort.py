"""Which model is asked, and with how long a prompt: what follows from each failure."""

from collections.abc import Sequence

from cortex_cli.engine.call_usage import EXHAUSTED
from cortex_cli.engine.ports import ModelClient
from cortex_cli.errors import ActionError

ROOM = 200_000
"""About how many characters of what may be long a prompt holds."""

LEAST_ROOM = 1_000

_ROOM_PER_TOKEN = 1.5


class Effort:
    """The tries to get one answer: `client` is asked next, with `room` characters of what is long."""

    def __init__(self, clients: Sequence[ModelClient]) -> None:
        """The first of the models is asked first, the others in its place."""
        self._others = list(clients)
        self._move_on()

    def after(self, error: ActionError, does: str = "plans") -> str:
        """A note about the next try; raises the error where there is none.

        `does` is what another model does then.
        """
        if error.error_type == EXHAUSTED:
            raise error
        if error.error_type == "context_length" and self.room > LEAST_ROOM:
            self.room //= 2
            return f"{error}; asked again with less"
        if not self._others:
            raise error
        self._move_on()
        return f"{error}; {self.client.name} {does} in its place"

    def _move_on(self) -> None:
        self.client = self._others.pop(0)
        tokens = getattr(self.client, "context_tokens", None)
        self.room = ROOM if tokens is None else int(tokens * _ROOM_PER_TOKEN)
