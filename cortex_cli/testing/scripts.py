"""What a scripted model does when it is asked: answer at a pace, or fail as real ones do."""

import json
import re
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio

Token = TypeVar("Token")
_PIECE = re.compile(r"\S+\s*|\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a model writes: seconds to its first token, then tokens a second, None: at once."""

    first_token_seconds: float = 0.0
    tokens_per_second: float | None = None

    def due(self, place: int) -> float:
        """Seconds from the request to the token at `place`, counted from 0."""
        rest = place / self.tokens_per_second if self.tokens_per_second else 0.0
        return self.first_token_seconds + rest


AT_ONCE = Pace()


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool; `arguments` may also be a text, for what is no JSON."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict[str, Any])

    @property
    def written(self) -> str:
        """The arguments as the model writes them."""
        given = self.arguments
        return given if isinstance(given, str) else json.dumps(given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer; `is_cut` says that it reached the limit of tokens.

    `pace` goes before the pace of the model itself. A token is a word with the white space that
    follows it, in `thought`, `text` and the arguments of `calls` alike, in this order; the usage
    counts the words of the request and these.
    """

    text: str = ""
    thought: str = ""
    calls: Sequence[Call] = ()
    is_cut: bool = False
    pace: Pace | None = None

    @property
    def tokens(self) -> list[str]:
        """All that is written, token by token."""
        texts = (self.thought, self.text, *(call.written for call in self.calls))
        return [token for text in texts for token in tokens_of(text)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer of HTTP with an error status; `retry_after` is in seconds."""

    status: int
    message: str = "refused"
    code: str | None = None
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """The connection breaks once the text has been sent."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Garbled:
    """What is sent is no JSON, after the text if there is one."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing more comes once the text has been sent, until whoever asked goes away."""

    text: str = ""


Script = str | Answer | Refusal | BrokenOff | Garbled | Hang


def tokens_of(text: str) -> list[str]:
    """The tokens of a text; joined they are the text."""
    return _PIECE.findall(text)


async def paced(tokens: Iterable[Token], pace: Pace) -> AsyncGenerator[Token]:
    """The tokens, each when it is due; what is due at the same moment comes without a wait."""
    started = anyio.current_time()
    for place, token in enumerate(tokens):
        if started + pace.due(place) > anyio.current_time():
            await anyio.sleep_until(started + pace.due(place))
        yield token
