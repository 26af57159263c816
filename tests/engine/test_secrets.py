"""What the engine publishes and keeps holds no secret, a stream of tokens neither."""

from typing import Any

import pytest

from cortex_cli.engine.masked_reporter import MaskedReporter
from cortex_cli.engine.masking import Masker
from cortex_cli.engine.reporter import ActionReporter
from cortex_cli.events import ProgressData, Usage, WarningData
from cortex_cli.protocol.agent_loop import AgentLoopProtocol

KEY = "sk-Ab12_Cd34"


class Published:
    """An action that keeps what is reported of it."""

    def __init__(self) -> None:
        self.published: list[tuple[str, str]] = []

    def emit(self, kind: type[Any], data: Any) -> None:
        self.published.append((kind.__name__, getattr(data, "token", None) or data.text))

    def add_usage(self, usage: Usage) -> None:
        self.published.append(("Usage", str(usage)))


def told(masker: Masker, *pieces: str, **protocol: Any) -> list[tuple[str, str]]:
    """What a reporter publishes of a model that says and thinks these pieces."""
    action = Published()
    reporter = MaskedReporter(ActionReporter(AgentLoopProtocol(**protocol), action), masker)
    for piece in pieces:
        reporter.thought(piece)
        reporter.token(piece, "model")
    reporter.close()
    reporter.close()
    reporter.token("late", "model")
    return action.published


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_secret_spread_over_tokens_is_masked(size: int) -> None:
    text = f"the key {KEY} is sk-"
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    published = told(Masker([KEY]), *pieces)
    for kind in ("LlmToken", "Thought"):
        said = [piece for name, piece in published if name == kind]
        assert "".join(said) == "the key *** is sk-"
        assert said[0] == "the key *** is "[: size if size < 8 else None]


def test_tokens_that_are_not_streamed_are_not_given_at_the_end() -> None:
    off = {"stream_llm_tokens": False, "stream_thoughts": False}
    assert told(Masker([KEY]), "sk-", **off) == []


def test_all_else_that_a_handler_says_is_passed_on() -> None:
    heard: list[object] = []

    class Heard:
        def emit(self, kind: type[Any], data: Any) -> None:
            assert kind.__name__ in {"Progress", "WarningRaised"}
            heard.append(data)

        def add_usage(self, usage: Usage) -> None:
            heard.append(usage)

    reporter = MaskedReporter(ActionReporter(AgentLoopProtocol(), Heard()), Masker([KEY]))
    reporter.progress("half", fraction=0.5)
    reporter.usage(Usage(input_tokens=1))
    reporter.warn("careful")
    assert heard == [
        ProgressData(message="half", fraction=0.5),
        Usage(input_tokens=1),
        WarningData(message="careful"),
    ]
