"""Models behind an address: a client for which pydantic-ai speaks to providers (extra `llm`)."""

import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from importlib.util import find_spec
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from cortex_cli.engine.ports import ModelPiece, ModelRequest
from cortex_cli.errors import SetupError
from cortex_cli.events import Usage
from cortex_cli.ids import did_you_mean
from cortex_cli.llm.connection import KEYS, PACKAGES, THREE_WAYS, Connection

if TYPE_CHECKING:
    from cortex_cli.llm.conversation import Conversation

_CONVERSATION = "cortex_cli.llm.conversation"


class RemoteModel:
    """A model client for any endpoint that speaks the OpenAI API, and for other providers.

    The library is loaded when the first answer is wanted, in a thread; connections are kept until
    `aclose`. Nothing is retried here: that is the action's.
    """

    takes_tools = True

    def __init__(self, connection: Connection, environ: Mapping[str, str]) -> None:
        """Raise SetupError if the extra, the provider's package or the key is missing."""
        _check(connection)
        self._connection = connection
        self._key = connection.key(environ)
        self._conversation: Conversation | None = None
        self._loop: object = None

    @property
    def name(self) -> str:
        """`provider:model`."""
        return self._connection.name

    def price(self, usage: Usage) -> float | None:
        """What so many tokens cost in US dollars; None where the price is not known."""
        connection = self._connection
        if connection.base_url is not None:
            # Whose price it is that a name stands for can't be told.
            return None
        from genai_prices import Usage as Tokens
        from genai_prices import calc_price

        tokens = Tokens(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
        try:
            found = calc_price(tokens, connection.model, provider_id=connection.provider)
        except LookupError:
            return None
        return float(found.total_price)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelPiece]:
        """The pieces as they come; closing it closes the connection that they come from."""
        conversation = await self._open()
        async with aclosing(conversation.pieces(request)) as pieces:
            async for piece in pieces:
                yield piece

    async def aclose(self) -> None:
        """Close the connections; the next request opens them again."""
        conversation, self._conversation = self._conversation, None
        if conversation is not None and self._loop == anyio.lowlevel.current_token():
            await conversation.aclose()

    async def _open(self) -> "Conversation":
        if _CONVERSATION not in sys.modules:
            # It takes a second or two, in which other work shall go on.
            await anyio.to_thread.run_sync(__import__, _CONVERSATION, abandon_on_cancel=True)
        from cortex_cli.llm.conversation import Conversation

        loop = anyio.lowlevel.current_token()
        if self._conversation is None or self._loop != loop:
            self._conversation = Conversation(self._connection, self._key)
            self._loop = loop
        return self._conversation


def _check(connection: Connection) -> None:
    provider = connection.provider
    if provider not in KEYS and connection.base_url is None:
        message = f"there is no provider '{provider}' whose address is known"
        raise SetupError(message, hint=did_you_mean(provider, KEYS) or THREE_WAYS)
    if find_spec("pydantic_ai") is None or find_spec("openai") is None:
        message = f"the model '{connection.name}' needs the extra 'llm'"
        raise SetupError(message, hint=f"pip install 'cortex-agent-loop[llm]'; {THREE_WAYS}")
    package = PACKAGES.get(provider)
    if package is not None and not _is_there(package):
        message = f"the model '{connection.name}' needs the package of its provider"
        raise SetupError(message, hint=f"pip install 'pydantic-ai-slim[{provider}]'")


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False
