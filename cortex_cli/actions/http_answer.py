"""An HTTP answer as an output: JSON or text within bounds, a bad status as an error."""

import codecs
import re
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec

from cortex_cli.engine.ports import ActionCall
from cortex_cli.errors import ActionError

if TYPE_CHECKING:
    import httpx2

HARMLESS = frozenset({"GET", "HEAD"})
"""The methods that change nothing, and so need no idempotency key."""

LARGEST_BODY = 16 * 1024 * 1024
CUT_MARK = "\n… [cut after 16 MiB] …"

_LARGEST_ERROR_BODY = 16 * 1024
_LONGEST_REASON = 300
_RETRYABLE = frozenset({408, 425, 429})
_CHARSET = re.compile(r"utf-(8|16|32)|ascii|iso8859|cp\d|gb|big5|euc|shift_jis|koi8", re.IGNORECASE)


async def read_output(response: "httpx2.Response", call: ActionCall) -> Any:
    """The body: a JSON value if it is one, else text, cut with a visible mark after 16 MiB.

    The content type need not say that it is JSON. An empty body is the empty string. Raises
    ActionError (`http_status`) for a status of 400 and above, retryable for 408, 425, 429
    and 5xx.
    """
    if response.status_code >= 400:
        raise await status_error(response, call)
    body, is_cut = await _read(response, LARGEST_BODY)
    text = _decode(body, response.charset_encoding)
    if not is_cut:
        return _as_json(text)
    call.report.warn("its answer was cut after 16 MiB")
    return _before_cut(text, call) + CUT_MARK


async def drop_body(response: "httpx2.Response") -> None:
    """Read a body that is not wanted, if it is short: its connection can be used again then."""
    await _read(response, _LARGEST_ERROR_BODY)


async def status_error(response: "httpx2.Response", call: ActionCall) -> ActionError:
    """The error that an answer is: its status and the first line of its body."""
    body, is_cut = await _read(response, _LARGEST_ERROR_BODY)
    text = _decode(body, response.charset_encoding)
    lines = (_before_cut(text, call) if is_cut else call.masked(text)).strip().splitlines()
    reason = lines[0].strip()[:_LONGEST_REASON] if lines else ""
    status = response.status_code
    asked = f"{response.request.method} {str(response.url).partition('?')[0]}"
    said = f"{status} {response.reason_phrase}".strip()
    return ActionError(
        f"{asked} answered {said}: {reason}" if reason else f"{asked} answered {said}",
        error_type="http_status",
        retryable=status >= 500 or status in _RETRYABLE,
    )


async def _read(response: "httpx2.Response", most: int) -> tuple[bytes, bool]:
    """At most so many bytes of the body, and whether there were more."""
    body = bytearray()
    async with aclosing(response.aiter_bytes()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > most:
                return bytes(body[:most]), True
    return bytes(body), False


def _decode(body: bytes, charset: str | None) -> str:
    # Python knows codecs that are no charsets (`unicode_escape` makes lone surrogates of ASCII).
    try:
        known = charset is not None and _CHARSET.match(codecs.lookup(charset).name)
    except LookupError:
        known = None
    return body.decode(charset if charset and known else "utf-8", "replace")


def _before_cut(text: str, call: ActionCall) -> str:
    return text if call.masker is None else call.masker.before_cut(text)


def _as_json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
