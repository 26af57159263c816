"""What a call to a model uses at most, as far as that can be told before it is made."""

from typing import Protocol, cast

from cortex_cli.engine.allowance import Allowance
from cortex_cli.engine.ports import Message, ModelClient, ModelRequest
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage
from cortex_cli.protocol.sealed import as_json

ANSWER_TOKENS = 2_048
"""The most tokens of an answer, in a run with a budget, where nothing else says it."""

EXHAUSTED = "budget_exhausted"
"""The type of the error of who can't make a further call."""

_BYTES_A_TOKEN = 3
_TOKENS_A_MESSAGE = 8


class _Priced(Protocol):
    def price(self, usage: Usage) -> float | None: ...


def estimated_usage(client: ModelClient, request: ModelRequest) -> Usage:
    """The tokens of the messages, generously counted, and of the longest answer; what they cost.

    A token is taken to be three bytes of UTF-8, where most texts have four; a message, a call in
    one and a tool have eight more. A client that knows its prices has
    `def price(usage) -> float | None`.
    """
    asked = sum(map(_tokens_of, request.messages))
    for tool in request.tools:
        asked += tokens_in(tool.name + tool.description + as_json(dict(tool.parameters)))
        asked += _TOKENS_A_MESSAGE
    if request.schema is not None:
        asked += tokens_in(as_json(dict(request.schema))) + _TOKENS_A_MESSAGE
    usage = Usage(input_tokens=asked, output_tokens=request.max_tokens or ANSWER_TOKENS)
    return priced(client, usage)


def counted_usage(client: ModelClient, request: ModelRequest, answer: str) -> Usage:
    """About what an answer has used for which no usage was reported."""
    asked = estimated_usage(client, request).input_tokens
    return priced(client, Usage(input_tokens=asked, output_tokens=tokens_in(answer)))


def is_counted(usage: Usage) -> bool:
    """Whether whoever reports a usage has counted: some endpoints report nothing but zeros."""
    return bool(usage.input_tokens or usage.output_tokens)


def require(allowance: Allowance | None, client: ModelClient, request: ModelRequest) -> None:
    """Reserve what a further call uses at most, where there is a budget.

    Raises ActionError (`budget_exhausted`) if it does not have that.
    """
    if allowance is not None and not allowance.require(estimated_usage(client, request)):
        message = "the budget has not enough left for another call"
        raise ActionError(message, error_type=EXHAUSTED, retryable=False)


def priced(client: ModelClient, usage: Usage) -> Usage:
    """The usage with what it costs, if the client knows that."""
    if not hasattr(client, "price"):
        return usage
    cost = cast(_Priced, client).price(usage)
    return Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, cost_usd=cost)


def tokens_in(text: str) -> int:
    """How many tokens a text has, rather too many than too few."""
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_A_TOKEN)


def _tokens_of(message: Message) -> int:
    calls = sum(tokens_in(call.name + call.arguments) + _TOKENS_A_MESSAGE for call in message.calls)
    return tokens_in(message.content) + calls + _TOKENS_A_MESSAGE
