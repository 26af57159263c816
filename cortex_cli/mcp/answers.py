"""What a call of an MCP tool gives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_types import CallToolResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer of a tool.

    `structured` is its structured content, MISSING-like None where there is none (`has_structured`
    tells); `texts` are its pieces of text, in order; `others` what it holds besides, such as
    images, as the protocol writes it. `is_error`: the tool says that it has failed.
    """

    structured: Any = None
    has_structured: bool = False
    texts: Sequence[str] = ()
    others: Sequence[dict[str, Any]] = ()
    is_error: bool = False


def answer_of(result: "CallToolResult") -> Answer:
    """A result as the SDK reads it."""
    texts: list[str] = []
    others: list[dict[str, Any]] = []
    for block in result.content:
        if block.type == "text":
            texts.append(block.text)
        else:
            others.append(block.model_dump(mode="json", by_alias=True, exclude_none=True))
    return Answer(
        structured=result.structured_content,
        has_structured=result.structured_content is not None,
        texts=texts,
        others=others,
        is_error=bool(result.is_error),
    )
