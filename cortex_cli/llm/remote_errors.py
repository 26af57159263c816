"""What errors of model services mean for an action: one line, a stable word, whether to retry."""

from typing import cast

import httpx2
from pydantic_ai import exceptions as theirs

from cortex_cli.errors import ActionError

# The first class that fits decides, so a class comes before those that it is made from.
_WORDS: tuple[tuple[type[Exception], str, bool], ...] = (
    (theirs.ModelRateLimitError, "rate_limited", True),
    (theirs.ModelQuotaExceededError, "quota", False),
    (theirs.ModelAuthenticationError, "auth", False),
    (theirs.ModelNotFoundError, "model", False),
    (theirs.ModelContextWindowExceededError, "context_length", False),
    (theirs.ModelRequestRejectedError, "request", False),
    (theirs.ModelUnavailableError, "busy", True),
    (theirs.ModelServerError, "server", True),
    (theirs.ModelConnectionError, "unreachable", True),
    (theirs.ContentFilterError, "filtered", False),
    (theirs.UserError, "setup", False),
)
_SAID = {
    "rate_limited": "asks to be called less often",
    "quota": "says that its quota is used up",
    "auth": "does not accept the key",
    "model": "is not there",
    "context_length": "cannot take in that much text",
    "request": "refused the request",
    "busy": "is busy",
    "server": "failed",
    "unreachable": "cannot be reached",
    "broken_stream": "broke off its answer",
    "answer": "gave an answer that cannot be read",
    "filtered": "held its answer back",
    "setup": "cannot be used",
}
_CONTEXT_CODES = {"exceed_context_size_error"}
_LONGEST = 300


def as_action_error(error: Exception, name: str, key: str | None = None) -> ActionError:
    """The error of an action for an error of the service of the model `name`.

    What the service said follows on the same line, shortened, without the `key`.
    """
    word, retryable = _classified(error)
    line = f"the model '{name}' {_SAID[word]}"
    said = " ".join(_message(error).split())
    if key:
        said = said.replace(key, "***")
    if len(said) > _LONGEST:
        said = f"{said[:_LONGEST]}…"
    return ActionError(
        f"{line}: {said}" if said else line,
        error_type=word,
        retryable=retryable,
        retry_after=getattr(error, "retry_after", None),
    )


def _classified(error: Exception) -> tuple[str, bool]:
    if getattr(error, "provider_error_type", None) in _CONTEXT_CODES:
        return "context_length", False
    if isinstance(error, theirs.ModelConnectionError) and error.phase == "read":
        return "broken_stream", True
    for kind, word, retryable in _WORDS:
        if isinstance(error, kind):
            return word, retryable
    if isinstance(error, httpx2.HTTPError):
        return "broken_stream", True
    return "answer", True


def _message(error: Exception) -> str:
    body: object = getattr(error, "body", None)
    while isinstance(body, dict):
        # Services of the OpenAI API have it here, others one below.
        told = cast("dict[str, object]", body)
        message, body = told.get("message"), told.get("error")
        if isinstance(message, str):
            return message
    cause = error.__cause__
    while cause is not None and cause.__cause__ is not None:
        cause = cause.__cause__
    return str(cause or error)
