"""`builtin/extractive`: answers with sentences of its input. It is no language model.

It needs no network, no key and no weights, and the same request always gives the same answer.
What it says is found in what it was given, word for word; it can't write, translate or plan.
"""

import re
from collections.abc import AsyncIterator

import anyio

from cortex_cli.engine.ports import ModelPiece, ModelRequest, TextPiece, ThoughtPiece
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage
from cortex_cli.llm.connection import THREE_WAYS
from cortex_cli.llm.question import NO_TOPICS, Question, read_prompt
from cortex_cli.llm.ranking import Sentence, rank, select, words_of
from cortex_cli.llm.sentences import sentences_of

NAME = "builtin/extractive"
DEFAULT_WORDS = 250
MOST_WORDS = 2_000
LONGEST_INPUT = 1_000_000

_WHAT_IT_IS = f"{NAME} picks sentences from its input; it is not a language model"
_CLOSED = (".", "!", "?", "\u2026", "\u3002", "\uff01", "\uff1f", ":", ";", '"', "\u201d", ")")
_LETTER = re.compile(r"[^\W_]")
_PIECE = re.compile(r"\S+\s*")


class ExtractiveModel:
    """A model client that gives the most telling sentences of the texts in a request.

    Takes the texts from the messages of role `user`: those under headings `## name`, or what
    follows the instruction. The words of the question decide with which sentences count. Several
    texts give a paragraph each, `name: …`. A token is a word with the white space after it; the
    answer has at most `max_tokens` of them, 250 if it is not set, and never more than 2,000.
    Temperature has no effect. Of an input of more than 1,000,000 characters, the first are read.
    """

    @property
    def name(self) -> str:
        """`builtin/extractive`."""
        return NAME

    def price(self, _: Usage) -> float:
        """It costs nothing."""
        return 0.0

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """The answer word by word; ActionError (`model`) if there is nothing to pick from."""
        if request.schema is not None:
            message = f"{NAME} picks sentences, and cannot write what fits a schema"
            raise ActionError(message, error_type="model", retryable=False, hint=THREE_WAYS)
        yield ThoughtPiece(_WHAT_IT_IS)
        asked = "\n\n".join(m.content for m in request.messages if m.role == "user")
        if len(asked) > LONGEST_INPUT:
            yield ThoughtPiece(f"; of {len(asked):,} characters it reads the first 1,000,000")
        most = min(request.max_tokens or DEFAULT_WORDS, MOST_WORDS)
        answer = await anyio.to_thread.run_sync(extract, asked[:LONGEST_INPUT], most)
        pieces: list[str] = _PIECE.findall(answer)
        for piece in pieces:
            await anyio.lowlevel.checkpoint()
            yield TextPiece(piece)
        read = sum(len(message.content.split()) for message in request.messages)
        yield Usage(input_tokens=read, output_tokens=len(pieces), cost_usd=0.0)


def extract(prompt: str, most_words: int = DEFAULT_WORDS) -> str:
    """The sentences that say most of what a prompt asks about, in at most so many words."""
    question = read_prompt(prompt)
    sentences = _sentences(question)
    if not sentences:
        message = f"{NAME} picks sentences from the text it is given, and was given none"
        hint = "pass text in parameters, or choose a language model"
        raise ActionError(message, error_type="model", retryable=False, hint=hint)
    topics = [word for word in words_of(question.text) if word not in NO_TOPICS]
    labels = len(question.sources) if len(question.sources) > 1 else 0
    chosen = select(rank(sentences, topics), max(1, most_words - labels))
    return _cut(_written(question, chosen), most_words)


def _sentences(question: Question) -> list[Sentence]:
    return [
        Sentence(text=text, source=number, place=place, words=frozenset(words_of(text)))
        for number, source in enumerate(question.sources)
        for place, text in enumerate(sentences_of(source.text))
        if _LETTER.search(text)
    ]


def _written(question: Question, chosen: list[Sentence]) -> str:
    paragraphs: dict[int, list[str]] = {}
    for sentence in chosen:
        is_closed = sentence.text.endswith(_CLOSED)
        text = sentence.text if is_closed else f"{sentence.text}."
        paragraphs.setdefault(sentence.source, []).append(text)
    if len(question.sources) == 1:
        return " ".join(paragraphs[0])
    return "\n\n".join(
        f"{question.sources[number].name}: {' '.join(texts)}"
        for number, texts in paragraphs.items()
    )


def _cut(text: str, most_words: int) -> str:
    words: list[str] = _PIECE.findall(text)
    if len(words) <= most_words:
        return text
    return "".join(words[:most_words]).rstrip() + "…"
