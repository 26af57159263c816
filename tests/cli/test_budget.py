"""Budgets, as a user has them: eight calls, a budget for five, and the way on."""

from functools import partial
from pathlib import Path

import anyio.to_thread
import pytest

from cortex_cli.testing import Answer, Pace, ScriptedServer
from tests.cli.conftest import Cortex, Ended

pytest.importorskip("pydantic_ai", reason="needs the extra 'llm'")

# "say it" counts 2 + 8 tokens, and an answer may have 40.
MANIFEST = """\
kind: Agent
name: asker
cognitive_engine: {{primary: {{provider: acme, model: m, base_url: '{url}'}}}}
protocol: {{max_parallel_actions: 8, budget: {{tokens: 250}}}}
actions:
"""
ASK = "  - {{id: a{n}, type: llm, parameters: {{prompt: say it, max_tokens: 40}}}}\n"
ANSWER = Answer(text=" ".join(["word"] * 40), pace=Pace(first_token_seconds=0.3))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def in_thread(cortex: Cortex, *arguments: str) -> Ended:
    """Run `cortex` while the server, which is in this event loop, answers."""
    return await anyio.to_thread.run_sync(partial(cortex, *arguments))


@pytest.mark.anyio
async def test_eight_calls_against_a_budget_for_five_are_five_and_a_larger_one_finishes(
    cortex: Cortex, tmp_path: Path
) -> None:
    async with ScriptedServer([ANSWER] * 20) as server:
        text = MANIFEST.format(url=server.base_url) + "".join(ASK.format(n=n) for n in range(8))
        (tmp_path / "here" / "asker.yaml").write_text(text)

        first = await in_thread(cortex, "run", "asker.yaml", "--json")
        assert first.code == 5, first.err
        assert len(server.requests) == 5
        ended = first.events[-1]
        assert ended.event_type == "agent_failed"
        assert ended.data["error_type"] == "budget_exhausted"
        assert ended.data["counts"].completed == 5
        run_id = ended.execution_id
        assert ended.data["resume"] == f"cortex resume {run_id} --budget tokens=500"

        again = await in_thread(cortex, "resume", "last")
        assert again.code == 5
        assert len(server.requests) == 5
        assert "the budget is exhausted: 210 of 250 tokens are used" in again.err
        assert f"cortex resume {run_id} --budget tokens=500" in again.err

        last = await in_thread(cortex, *ended.data["resume"].split()[1:], "--json")
        assert last.code == 0, last.err
        assert len(server.requests) == 8
        assert last.events[-1].data["counts"].completed == 8

        [listed] = (await in_thread(cortex, "runs", "--json")).json["runs"]
        usage = last.events[-1].data["usage"]
        assert listed["usage"]["input_tokens"] == usage.input_tokens > 0
        assert listed["usage"]["output_tokens"] == usage.output_tokens > 0

        why = await in_thread(cortex, "why", "last", "a7")
        assert why.code == 0, why.err


@pytest.mark.anyio
async def test_the_command_line_goes_before_the_manifest_and_is_kept(
    cortex: Cortex, tmp_path: Path
) -> None:
    async with ScriptedServer([ANSWER] * 20) as server:
        text = MANIFEST.format(url=server.base_url) + ASK.format(n=0)
        (tmp_path / "here" / "asker.yaml").write_text(text)
        first = await in_thread(cortex, "run", "asker.yaml", "--budget", "tokens=20")
        assert first.code == 5
        again = await in_thread(cortex, "resume", "last")
        assert again.code == 5, "the budget of the command line stays"
        assert server.requests == []
        last = await in_thread(cortex, "resume", "last", "--budget", "tokens=none,cost_usd=3")
        assert last.code == 0
        assert "the price of the model 'default' is not known" in last.err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("token=5", "is neither tokens=N nor cost_usd=X; did you mean 'tokens'?"),
        ("tokens", "is neither tokens=N nor cost_usd=X"),
        ("tokens=1.5", "this is not a whole number above 0, nor 'none'"),
        ("tokens=-3", "this is not a whole number above 0, nor 'none'"),
        ("cost_usd=nan", "this is not a number above 0, nor 'none'"),
        ("cost_usd=a", "this is not a number above 0, nor 'none'"),
    ],
)
def test_a_budget_that_is_none_is_refused(cortex: Cortex, given: str, said: str) -> None:
    ended = cortex("run", "agent.yaml", "--budget", given)
    assert ended.code == 2
    assert said in ended.err
