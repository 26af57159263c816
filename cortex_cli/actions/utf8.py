"""Text as bytes, on its way out of the process."""

from cortex_cli.errors import ActionError


def utf8(text: str) -> bytes:
    """The text in UTF-8; ActionError (`parameters`) if it holds half a character."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        message = f"half a character (a lone surrogate) is no text: {text[:40]!a}"
        raise ActionError(message, error_type="parameters", retryable=False) from error
