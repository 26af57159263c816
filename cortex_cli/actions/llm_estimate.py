"""What a call to a model uses at most, as far as that can be told before it is made."""

from typing import Protocol, cast

from cortex_cli.actions.parameters import encoded
from cortex_cli.engine.ports import ModelClient, ModelRequest
from cortex_cli.events import Usage

ANSWER_TOKENS = 2_048
"""The most tokens of an answer, in a run with a budget, where nothing else says it."""

_BYTES_A_TOKEN = 3
_TOKENS_A_MESSAGE = 8


class _Priced(Protocol):
    def price(self, usage: Usage) -> float | None: ...


def estimated_usage(client: ModelClient, request: ModelRequest) -> Usage:
    """The tokens of the messages, generously counted, and of the longest answer; what they cost.

    A token is taken to be three bytes of UTF-8, where most texts have four, and a message to have
    eight more. A client that knows its prices has `def price(usage) -> float | None`.
    """
    asked = sum(tokens_in(message.content) + _TOKENS_A_MESSAGE for message in request.messages)
    if request.schema is not None:
        asked += tokens_in(encoded(dict(request.schema)).decode()) + _TOKENS_A_MESSAGE
    usage = Usage(input_tokens=asked, output_tokens=request.max_tokens or ANSWER_TOKENS)
    return priced(client, usage)


def priced(client: ModelClient, usage: Usage) -> Usage:
    """The usage with what it costs, if the client knows that."""
    if not hasattr(client, "price"):
        return usage
    cost = cast(_Priced, client).price(usage)
    return Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, cost_usd=cost)


def tokens_in(text: str) -> int:
    """How many tokens a text has, rather too many than too few."""
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_A_TOKEN)
