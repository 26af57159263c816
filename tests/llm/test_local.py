"""The process of a local model; with the real one where it is there (`cortex models pull`)."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import anyio
import pytest

from cortex_cli.engine.ports import Message, ModelPiece, ModelRequest, TextPiece
from cortex_cli.errors import ActionError, SetupError
from cortex_cli.events import Usage
from cortex_cli.llm.local import LocalModel
from cortex_cli.testing.model_contract import pieces_of
from tests.llm.test_remote import pytestmark as quiet

pytest.importorskip("xllamacpp", reason="needs the extra 'local'")
pytestmark = [quiet, pytest.mark.timeout(120)]

ASKED = ModelRequest(
    messages=(Message(role="user", content="Tell me about the sea."),), max_tokens=2000
)


@asynccontextmanager
async def local(weights: Path) -> AsyncGenerator[LocalModel]:
    model = LocalModel("local:smollm2", weights)
    try:
        yield model
    finally:
        with anyio.CancelScope(shield=True):
            await model.aclose()


def process_of(model: LocalModel) -> int:
    process = model._process
    assert process is not None
    return process.pid


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def read(model: LocalModel, place: int, then: Callable[[], None]) -> None:
    """Read an answer, and do something when so many pieces have come."""
    async with aclosing(model.stream(ASKED)) as pieces:
        count = 0
        async for _ in pieces:
            count += 1
            if count == place:
                then()


def cancel(scope: anyio.CancelScope, moments: list[float]) -> None:
    moments.append(anyio.current_time())
    scope.cancel()


async def test_it_streams_and_reports_usage_and_ends_with_its_owner(weights: Path) -> None:
    async with local(weights) as model:
        assert model.name == "local:smollm2"
        pieces = await pieces_of(model, replace(ASKED, max_tokens=8))
        usage = pieces[-1]
        assert isinstance(usage, Usage)
        assert (usage.output_tokens, usage.cost_usd) == (8, 0.0)
        assert usage.input_tokens > 8
        assert len([piece for piece in pieces if isinstance(piece, TextPiece)]) > 4
        pid = process_of(model)
    assert not is_alive(pid)


async def test_it_is_held_to_a_grammar_and_to_a_schema(weights: Path) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "maximum": 9}}}
    schema |= {"required": ["n"], "additionalProperties": False}
    async with local(weights) as model:
        for _ in range(3):
            pieces = await pieces_of(model, replace(ASKED, grammar='root ::= "yes" | "no"'))
            assert text_of(pieces) in {"yes", "no"}
        answer = text_of(await pieces_of(model, replace(ASKED, schema=schema, max_tokens=60)))
    assert '"n"' in answer


async def test_it_is_cancelled_in_the_middle_of_an_answer(weights: Path) -> None:
    async with local(weights) as model:
        moments: list[float] = []
        with anyio.CancelScope() as scope:
            await read(model, 10, partial(cancel, scope, moments))
        assert scope.cancelled_caught
        assert anyio.current_time() - moments[0] < 0.5
        # It computes no longer: the next answer would have to wait for 1,990 tokens.
        assert text_of(await pieces_of(model, replace(ASKED, grammar='root ::= "yes"'))) == "yes"


async def test_it_ends_where_whoever_closes_it_is_cancelled(weights: Path) -> None:
    model = LocalModel("local:smollm2", weights)
    await pieces_of(model, replace(ASKED, max_tokens=2))
    pid = process_of(model)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await model.aclose()
    assert not is_alive(pid)


async def test_a_process_that_died_is_started_again(weights: Path) -> None:
    short = replace(ASKED, max_tokens=2)
    async with local(weights) as model:
        await pieces_of(model, short)
        with pytest.raises(ActionError) as caught:
            await read(model, 3, lambda: os.kill(process_of(model), signal.SIGKILL))
        assert caught.value.retryable
        assert isinstance((await pieces_of(model, short))[-1], Usage)


async def test_too_long_a_request_is_told_apart(weights: Path) -> None:
    long = ModelRequest(messages=(Message(role="user", content="sea " * 6000),))
    async with local(weights) as model:
        with pytest.raises(ActionError, match="cannot take in that much text") as caught:
            await pieces_of(model, long)
    assert (caught.value.error_type, caught.value.retryable) == ("context_length", False)


OWNER = """
import sys
from pathlib import Path
import anyio
from cortex_cli.engine.ports import Message, ModelRequest
from cortex_cli.llm.local import LocalModel

async def main():
    model = LocalModel("local:smollm2", Path(sys.argv[1]))
    async for _ in model.stream(ModelRequest(messages=(Message(role="user", content="Go on."),))):
        print(model._process.pid, flush=True)

anyio.run(main)
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
async def test_it_dies_with_an_owner_that_is_killed(weights: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(weights)]
    async with await anyio.open_process(command, stderr=subprocess.DEVNULL) as owner:
        assert owner.stdout is not None
        pid = int((await owner.stdout.receive()).split()[0])
        assert is_alive(pid)
        owner.kill()
        with anyio.fail_after(5):
            await anyio.to_thread.run_sync(wait_for_end, pid)


def wait_for_end(pid: int) -> None:
    """Wait for the end of a process that is nobody's child here."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with os.fdopen(descriptor) as process:
        select.select([process], [], [])


async def test_a_file_that_is_no_model_is_an_error_of_the_setup(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(b"GGUF" + b"\0" * 1000)
    async with local(wrong) as model:
        with pytest.raises(ActionError, match="'local:smollm2' could not be loaded: ") as caught:
            await pieces_of(model, ASKED)
        assert (caught.value.error_type, caught.value.retryable) == ("setup", False)
        assert model._process is None


async def test_one_that_was_never_asked_has_nothing_to_close() -> None:
    async with local(Path("nowhere")) as model:
        assert model._process is None


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cast("dict[str, Any]", sys.modules), "xllamacpp", None)
    with pytest.raises(SetupError, match=r"pip install 'cortex-agent-loop\[local\]'"):
        LocalModel("local:smollm2", Path("nowhere"))


def text_of(pieces: list[ModelPiece]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, TextPiece))
