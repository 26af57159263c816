"""Running plans from Python, as a library user does."""

from typing import Any

import anyio.lowlevel
import pytest

from cortex_cli import (
    Action,
    ActionMode,
    ActionType,
    AgentLoopExecutor,
    AgentLoopProtocol,
    ManifestError,
    UsageError,
)
from cortex_cli.errors import SetupError
from cortex_cli.events import Event
from cortex_cli.store.journal import MemoryJournal
from cortex_cli.testing.models import ScriptedLLM


async def fetch(url: str = "page") -> str:
    """An async tool."""
    await anyio.lowlevel.checkpoint()
    return f"text of {url}"


def count(text: str) -> dict[str, int]:
    """A sync tool, which runs in a thread."""
    return {"words": len(text.split())}


async def events_of(executor: AgentLoopExecutor) -> list[Event]:
    async with executor.execute_agent_loop() as events:
        return [event async for event in events]


async def test_the_executor_runs_sync_and_async_functions_and_models() -> None:
    journal = MemoryJournal()
    executor = AgentLoopExecutor(
        agent_name="research_agent",
        protocol=AgentLoopProtocol(
            mode="autonomous",
            max_iterations=10,
            stream_action_results=True,
            allow_parallel_actions=True,
            max_parallel_actions=5,
        ),
        tool_executor={"fetch": fetch, "count": count},
        llm_client=ScriptedLLM(["short and sweet"]),
        inputs={"url": "x"},
        journal=journal,
        plan=[
            Action(
                name="fetch",
                type=ActionType.TOOL,
                mode=ActionMode.ASYNC,
                target="fetch",
                parameters={"url": "${inputs.url}"},
                output_key="page",
            ),
            Action(
                name="count", type=ActionType.TOOL, target="count", parameters={"text": "$page"}
            ),
            Action(name="sum up", type=ActionType.LLM, parameters={"prompt": "Sum up: $page"}),
        ],
    )
    seen: dict[str, Any] = {}
    text = ""
    async for event in executor.execute_agent_loop():
        if event.event_type == "action_completed":
            assert event.action_name is not None
            seen[event.action_name] = event.data["output"]
        elif event.event_type == "llm_token":
            text += event.data["token"]
    assert seen["fetch"] == "text of x"
    assert seen["count"] == {"words": 3}
    assert seen["sum up"] == text == "short and sweet"
    assert [event.sequence for event in journal] == list(range(1, len(journal) + 1))


async def test_an_object_with_execute_is_a_tool_executor() -> None:
    class Tools:
        async def execute(self, name: str, parameters: dict[str, Any]) -> Any:
            return {name: parameters}

    plan = [Action(name="any", type=ActionType.TOOL, target="any", parameters={"x": 1})]
    executor = AgentLoopExecutor(agent_name="a", tool_executor=Tools(), plan=plan)
    last = (await events_of(executor))[-1]
    assert last.data["outputs"] == {"any": {"any": {"x": 1}}}


async def test_without_a_client_the_built_in_summariser_answers() -> None:
    text = "Plans are graphs. A graph has nodes. Cats sleep all day long in the sun."
    plan = [Action(id="s", type=ActionType.LLM, parameters={"prompt": "plans?", "text": text})]
    last = (await events_of(AgentLoopExecutor(agent_name="a", plan=plan)))[-1]
    assert "graph" in last.data["outputs"]["s"]


async def test_types_that_need_a_manifest_fail_with_a_clear_error() -> None:
    plan = [
        Action(id="r", type=ActionType.RELIC, target="r"),
        Action(id="w", type=ActionType.WORKFLOW, target="w"),
    ]
    events = await events_of(AgentLoopExecutor(agent_name="a", plan=plan))
    errors = [event.data["error"] for event in events if event.event_type == "action_failed"]
    assert len(errors) == 2
    assert all("needs a manifest" in error for error in errors)


def test_a_plan_with_mistakes_is_refused_with_all_of_them() -> None:
    plan = [
        Action(id="a", type=ActionType.TOOL, target="x", depends_on=["b"]),
        Action(id="a", type=ActionType.TOOL, target="x", parameters={"v": "$no"}),
    ]
    with pytest.raises(ManifestError) as raised:
        AgentLoopExecutor(agent_name="a", plan=plan)
    assert len(raised.value.problems) == 3


def test_either_a_plan_or_a_goal_is_needed_and_for_a_goal_a_model() -> None:
    with pytest.raises(UsageError, match="'a' has neither a plan nor a goal"):
        AgentLoopExecutor(agent_name="a")
    with pytest.raises(UsageError, match="'a' has both a plan and a goal"):
        AgentLoopExecutor(agent_name="a", plan=[], goal="be good")
    with pytest.raises(SetupError, match="three ways to get a model"):
        AgentLoopExecutor(agent_name="a", goal="be good")


def test_public_names_are_there_and_others_are_not() -> None:
    import cortex_cli

    for name in cortex_cli.__all__:
        assert getattr(cortex_cli, name) is not None
    assert set(cortex_cli.__all__) < set(dir(cortex_cli))
    with pytest.raises(AttributeError, match="nothing_like_it"):
        _ = cortex_cli.nothing_like_it
