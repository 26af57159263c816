import subprocess
import sys
import time
from collections.abc import AsyncGenerator

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.engine.ports import Message, ModelPiece, ModelRequest, TextPiece, ThoughtPiece
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage
from cortex_cli.llm.extractive import ExtractiveModel, extract

LOOPS = (
    "An agent loop plans actions, executes them and checks whether the goal is reached. "
    "The plan of an agent loop is a graph of actions. "
    "Actions of the graph that depend on nothing run in parallel. "
    "Bananas are rich in potassium. "
    "A loop that executes actions in parallel reaches its goal sooner. "
    "The plan of an agent loop is a graph of the actions. "
    "Dr. Smith measured the agent loop in the U.S. in 2023."
)
FRUIT = "Bananas are yellow fruit. A banana holds much potassium. Monkeys like bananas very much."


def request(prompt: str, max_tokens: int | None = None) -> ModelRequest:
    messages = (Message(role="system", content="Be brief."), Message(role="user", content=prompt))
    return ModelRequest(messages=messages, max_tokens=max_tokens)


async def pieces_of(prompt: str, max_tokens: int | None = None) -> list[ModelPiece]:
    return [piece async for piece in ExtractiveModel().stream(request(prompt, max_tokens))]


def test_it_picks_what_the_text_is_about_word_for_word_and_in_order() -> None:
    answer = extract(f"Summarise:\n\n{LOOPS}", 40)
    assert answer == (
        "An agent loop plans actions, executes them and checks whether the goal is reached. "
        "The plan of an agent loop is a graph of actions. "
        "A loop that executes actions in parallel reaches its goal sooner."
    )


def test_a_question_decides_what_counts() -> None:
    answer = extract(f"What is potassium in?\n\n{LOOPS}", 6)
    assert answer == "Bananas are rich in potassium."


def test_what_is_said_twice_is_told_once() -> None:
    answer = extract(f"Summarise:\n\n{LOOPS}", 250)
    assert answer.count("is a graph of") == 1
    assert "Dr. Smith measured the agent loop in the U.S. in 2023." in answer


def test_several_sources_have_a_paragraph_each() -> None:
    answer = extract(f"Report.\n\n## loops\n{LOOPS}\n\n## fruit\n{FRUIT}\n\n## n\n3", 40)
    loops, fruit, number = answer.split("\n\n")
    assert loops.startswith("loops: An agent loop plans actions")
    assert fruit.startswith("fruit: ")
    assert number == "n: 3."


def test_one_source_has_no_label() -> None:
    assert extract(f"Report.\n\n## fruit\n{FRUIT}", 5) == "A banana holds much potassium."


def test_items_of_lists_and_json_end_as_sentences() -> None:
    prompt = 'Report.\n\n## facts\n["loops plan their actions", "loops run their actions!"]'
    assert extract(prompt) == "loops plan their actions. loops run their actions!"


def test_a_sentence_that_does_not_fit_is_cut_visibly() -> None:
    assert extract("Summarise:\n\nOne very long sentence that goes on.", 3) == "One very long…"


@pytest.mark.parametrize("prompt", ["Write a haiku.", "", "Report.\n\n## a\n \n\n## b\n!!! ???"])
async def test_without_text_to_pick_from_it_says_what_it_is(prompt: str) -> None:
    with pytest.raises(ActionError, match="picks sentences from the text it is given") as caught:
        await pieces_of(prompt)
    assert caught.value.error_type == "model"
    assert not caught.value.retryable


async def test_it_streams_words_after_saying_that_it_is_no_language_model() -> None:
    thought, *words, usage = await pieces_of(f"Summarise:\n\n{FRUIT}")
    assert thought == ThoughtPiece(
        "builtin/extractive picks sentences from its input; it is not a language model"
    )
    texts = [piece.text for piece in words if isinstance(piece, TextPiece)]
    assert len(texts) == len(words)
    assert all(len(text.split()) == 1 for text in texts)
    assert "".join(texts) == FRUIT
    read = 2 + len(f"Summarise: {FRUIT}".split())
    assert usage == Usage(input_tokens=read, output_tokens=len(texts), cost_usd=0.0)
    assert ExtractiveModel().name == "builtin/extractive"


async def test_max_tokens_is_kept() -> None:
    for most in (1, 7, 30):
        pieces = await pieces_of(f"Report.\n\n## a\n{LOOPS}\n\n## b\n{FRUIT}", most)
        assert sum(isinstance(piece, TextPiece) for piece in pieces) <= most


async def test_of_too_long_an_input_the_beginning_is_read_and_it_says_so() -> None:
    text = "Alpha beta gamma delta. " * 45_000
    _, second, *_ = await pieces_of(f"Summarise:\n\n{text}")
    assert second == ThoughtPiece("; of 1,080,012 characters it reads the first 1,000,000")


async def test_it_can_be_left_at_any_piece() -> None:
    stream = ExtractiveModel().stream(request(LOOPS))
    async for piece in stream:
        if isinstance(piece, TextPiece):
            break
    assert isinstance(stream, AsyncGenerator)
    await stream.aclose()


async def test_it_can_be_cancelled() -> None:
    with anyio.CancelScope() as scope:
        async for piece in ExtractiveModel().stream(request(LOOPS)):
            if isinstance(piece, TextPiece):
                scope.cancel()
    assert scope.cancelled_caught


def seconds_for(lines: int) -> float:
    """CPU time for a summary of so many lines of 40 characters."""
    text = "\n".join(f"Line {n} tells of thing {n % 977} and part {n % 101}." for n in range(lines))
    began = time.process_time()
    extract(f"Summarise:\n\n{text}", 2_000)
    return time.process_time() - began


@pytest.mark.no_cover
def test_the_time_grows_with_the_length() -> None:
    few = min(seconds_for(2_400) for _ in range(3))
    # With its square it would be a hundred times.
    assert seconds_for(24_000) < 40 * few


def test_the_same_request_gives_the_same_answer_in_every_process() -> None:
    code = f"from cortex_cli.llm.extractive import extract; print(extract({LOOPS!r}, 30))"
    answers = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(answers) == 1


@given(text=st.text(max_size=300), most=st.integers(1, 20))
def test_any_text_is_answered_within_bounds_or_refused(text: str, most: int) -> None:
    try:
        answer = extract(text, most)
    except ActionError:
        return
    assert 0 < len(answer.split()) <= most
