"""Tools of real servers keep what every handler promises, over both transports."""

from collections.abc import Callable
from typing import Any

import anyio
import msgspec
import pytest

from cortex_cli.actions.mcp_tool import McpTool
from cortex_cli.errors import ActionError
from cortex_cli.manifest.tool_models import ToolManifest
from cortex_cli.mcp.connection import Connection
from cortex_cli.testing import RecordingReporter, make_call
from cortex_cli.testing.handler_contract import (
    check_attempts_do_not_mix,
    check_cancellation_is_prompt,
    check_failure_is_an_action_error,
    check_output_is_json,
)
from tests.mcp.conftest import ODD, Connected, wait_until

pytestmark = [
    pytest.mark.timeout(60),
    # The SDK leaves the streams of answers that it has read to the garbage collector.
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"
    ),
]


def tool(connection: Connection, name: str, **fields: Any) -> McpTool:
    manifest = ToolManifest.model_validate(
        {
            "kind": "Tool",
            "name": name,
            "implementation": {"type": "mcp", "server": "trials", "tool": name},
            **fields,
        }
    )
    return McpTool(manifest, connection)


async def test_outputs_are_what_the_server_structures_or_says(either: Connected) -> None:
    async with either() as trials:

        async def output(name: str, **parameters: Any) -> Any:
            handler = tool(trials, name)
            await handler.prepare(make_call(parameters))
            return await handler.run(make_call(parameters))

        assert await output("add", a=1, b=2) == {"result": 3}
        assert await output("say", text="a text\n") == "a text"
        assert await output("say", text='{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
        assert await output("say", text="${secrets.KEY} $(id) {{7*7}}") == (
            "${secrets.KEY} $(id) {{7*7}}"
        )
        assert await output("many", lines=3) == "0\n1\n2"
        assert await output("pieces") == [
            {"type": "text", "text": "a dot"},
            {"type": "image", "data": "AAAA", "mimeType": "image/png"},
        ]
        await check_output_is_json(tool(trials, "add"), make_call({"a": 1, "b": 2}))


async def test_failures_are_errors_with_their_reasons(either: Connected) -> None:
    async with either() as trials:
        failing = make_call({"reason": "no paper|none at all"})
        error = await check_failure_is_an_action_error(tool(trials, "fail"), failing)
        assert (str(error), error.error_type) == ("no paper none at all", "tool_error")
        assert error.retryable
        silent = make_call({"reason": ""})
        error = await check_failure_is_an_action_error(tool(trials, "fail"), silent)
        assert str(error) == "tool 'fail' failed without a reason"
        wrong = make_call({"a": "one", "c": 2})
        error = await check_failure_is_an_action_error(tool(trials, "add"), wrong)
        assert (error.error_type, error.retryable) == ("parameters", False)
        assert "parameter 'a': 'one' is not of type 'integer'" in str(error)
        assert "'b' is a required property" in str(error)
        with pytest.raises(ActionError, match="has no tool 'ad'; did you mean 'add'") as caught:
            await tool(trials, "ad").prepare(make_call())
        assert (caught.value.error_type, caught.value.retryable) == ("not_found", False)


async def test_attempts_share_a_session_without_mixing(either: Connected) -> None:
    async with either() as trials:
        calls = [make_call({"text": str(number)}) for number in range(10)]
        await check_attempts_do_not_mix(tool(trials, "say"), calls)


async def test_cancelling_tells_the_server_and_ends_at_once(
    either: Connected, notes: Callable[[], list[str]]
) -> None:
    async with either() as trials:
        slow = tool(trials, "slow")
        await check_cancellation_is_prompt(
            slow,
            make_call({"seconds": 600}),
            when_running=lambda: "slow begins" in notes(),
            leaves_nothing=lambda: True,
        )
        await anyio.to_thread.run_sync(wait_until, lambda: "slow is cancelled" in notes())
        assert await tool(trials, "add").run(make_call({"a": 2, "b": 2})) == {"result": 4}


async def test_twenty_calls_take_little_longer_than_one(either: Connected) -> None:
    async with either() as trials:
        slow = tool(trials, "slow")
        await slow.run(make_call({"seconds": 0.0}))
        began = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(slow.run, make_call({"seconds": 0.3}))
        took = anyio.current_time() - began
        # One after the other they would take 6 seconds; a busy machine is no failure.
        assert took < 3.0


async def test_progress_is_reported_as_it_comes(either: Connected) -> None:
    async with either() as trials:
        report = RecordingReporter()
        assert await tool(trials, "count").run(make_call({"to": 3}, report=report)) == {"result": 3}
        told = [(step.message, step.current, step.total) for step in report.steps]
        assert told == [("step 1", 1, 3), ("step 2", 2, 3), ("step 3", 3, 3)]


async def test_the_tools_own_declaration_is_checked_first(stdio: Connected) -> None:
    async with stdio() as trials:
        parameters = [{"name": "a", "type": "integer"}, {"name": "b", "default": 5}]
        parameters[1]["type"] = "integer"
        add = tool(trials, "add", parameters=parameters)
        assert await add.run(make_call({"a": 1})) == {"result": 6}
        with pytest.raises(ActionError, match="tool 'add' has no parameter 'aa'"):
            await add.run(make_call({"aa": 1}))


def test_it_is_for_tools_of_servers_only() -> None:
    manifest = ToolManifest.model_validate(
        {"kind": "Tool", "name": "t", "implementation": {"type": "command", "command": ["true"]}}
    )
    with pytest.raises(TypeError, match="tool 't' is of type 'command'"):
        McpTool(manifest, None)  # type: ignore[arg-type]


async def test_an_answer_that_is_too_long_is_cut_or_refused(stdio: Connected) -> None:
    async with stdio(str(ODD), "large") as odd:
        output = await tool(odd, "t").run(make_call())
        assert len(output) < 4_300_000
        assert "bytes cut]" in output
    async with stdio(str(ODD), "large-structure") as odd:
        with pytest.raises(ActionError, match=r"answered with 5,000,008 bytes of JSON; at most"):
            await tool(odd, "t").run(make_call())


@pytest.mark.parametrize(
    ("effect", "name", "retryable"),
    [
        (None, "crash", False),
        ("idempotent", "crash", True),
        ("external", "crash_harmlessly", False),
        (None, "crash_harmlessly", True),
    ],
)
async def test_a_call_that_a_crash_cut_short_is_repeated_only_where_it_may_be(
    stdio: Connected, effect: Any, name: str, *, retryable: bool
) -> None:
    async with stdio() as trials:
        call = make_call({"code": 3})
        action = call.action.model_copy(update={"effect": effect})
        call = msgspec.structs.replace(call, action=action)
        error = await check_failure_is_an_action_error(tool(trials, name), call)
        assert (error.error_type, error.retryable) == ("server", retryable)
