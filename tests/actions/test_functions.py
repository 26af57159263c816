"""Python functions are tools."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio.lowlevel
import pytest
from pydantic import BaseModel

from cortex_cli.actions.functions import FunctionTools
from cortex_cli.engine.ports import Handler
from cortex_cli.errors import ActionError
from cortex_cli.kinds import ActionType
from cortex_cli.protocol.action import Action
from cortex_cli.testing import make_call
from cortex_cli.testing.handler_contract import (
    check_attempts_do_not_mix,
    check_cancellation_is_prompt,
    check_failure_is_an_action_error,
    check_output_is_json,
)


def action(target: str) -> Action:
    return Action.model_validate({"id": "act", "type": ActionType.TOOL, "target": target})


def tool(function: Callable[..., Any]) -> Handler:
    return FunctionTools({"tool": function}).handler(action("tool"))


def add(a: int, b: int = 2) -> int:
    return a + b


def negated(a: int) -> int:
    return -a


async def add_async(a: int, b: int = 2) -> int:
    await anyio.lowlevel.checkpoint()
    return a + b


class Adder:
    async def __call__(self, a: int, b: int = 2) -> int:
        return a + b


@pytest.mark.parametrize(
    "function",
    [add, add_async, Adder(), partial(add, b=2), partial(add_async, b=2)],
)
async def test_function_of_any_kind_is_called_by_name(function: Callable[..., Any]):
    handler = tool(function)
    assert await handler.run(make_call({"a": 1})) == 3
    await check_output_is_json(handler, make_call({"a": 1}))
    await check_attempts_do_not_mix(handler, [make_call({"a": n}) for n in range(3)])


async def test_sync_function_holds_up_nothing():
    first, second = threading.Event(), threading.Event()

    def meet(mine: str) -> bool:
        here, there = (first, second) if mine == "first" else (second, first)
        here.set()
        return there.wait(10)

    met: list[Any] = []

    async def call(name: str) -> None:
        met.append(await tool(meet).run(make_call({"mine": name})))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call, "first")
        tasks.start_soon(call, "second")
    assert met == [True, True]


async def test_operation_is_a_parameter():
    def run(operation: str, a: int) -> list[Any]:
        return [operation, a]

    assert await tool(run).run(make_call({"a": 1}, operation="add")) == ["add", 1]


async def test_object_with_execute_performs_its_tools_itself():
    class Tools:
        async def execute(self, name: str, parameters: dict[str, Any]) -> Any:
            return {name: parameters}

    handler = FunctionTools(Tools()).handler(action("anything"))
    given = {"name": "x", "parameters": 1, "self": 2}
    assert await handler.run(make_call(given)) == {"anything": given}


def test_unknown_tool_is_refused_with_the_nearest_known_one():
    with pytest.raises(ActionError) as caught:
        FunctionTools({"search": add}).handler(action("serch"))
    assert str(caught.value) == "there is no tool 'serch'; did you mean 'search'?"
    assert (caught.value.error_type, caught.value.retryable) == ("not_found", False)


# Outputs


class Page(BaseModel):
    title: str
    read: datetime


@dataclass
class Point:
    x: int


@pytest.mark.parametrize(
    ("output", "value"),
    [
        (None, None),
        ((1, "a"), [1, "a"]),
        ({1: frozenset({2})}, {"1": [2]}),
        ([Point(1)], [{"x": 1}]),
        (
            Page(title="a", read=datetime(2026, 1, 2, tzinfo=UTC)),
            {"title": "a", "read": "2026-01-02T00:00:00Z"},
        ),
        (float("nan"), None),
    ],
)
async def test_output_becomes_json(output: Any, value: Any):
    assert await tool(lambda: output).run(make_call()) == value


cyclic: list[Any] = []
cyclic.append(cyclic)


@pytest.mark.parametrize("output", [object(), "\ud800", cyclic, add, {(1, 2): 3}])
async def test_output_that_cannot_be_json_is_a_failure(output: Any):
    error = await check_failure_is_an_action_error(tool(lambda: output), make_call())
    assert str(error).startswith("what it returned is not JSON: ")
    assert (error.error_type, error.retryable) == ("output", False)


async def test_output_is_a_copy():
    kept = [1]
    output = await tool(lambda: kept).run(make_call())
    kept.append(2)
    assert output == [1]


@pytest.mark.parametrize(
    "output", [True, 2**63, -(2**70), "é", "plain", 1.5, {"a": [None, "ü"]}, 2**63 - 1]
)
async def test_output_that_is_json_stays_what_it_is(output: Any):
    given = await tool(lambda: output).run(make_call())
    assert (given, type(given)) == (output, type(output))


# Parameters


@pytest.mark.parametrize("deep", [{"a": [1]}, {"a": {"b": 1}}])
async def test_function_changes_a_copy_of_its_parameters(deep: dict[str, Any]):
    def change(**given: Any) -> None:
        given["a"].clear()

    call = make_call(deep)
    before = repr(call.parameters)
    await tool(change).run(call)
    assert repr(call.parameters) == before


async def test_tools_are_looked_at_for_each_action():
    functions: dict[str, Callable[..., int]] = {"tool": add}
    tools = FunctionTools(functions)
    assert tools.handler(action("tool")) is tools.handler(action("tool"))
    functions["tool"] = negated
    assert await tools.handler(action("tool")).run(make_call({"a": 1})) == -1


async def test_every_call_is_told_what_does_not_fit():
    handler = tool(add)
    assert await handler.run(make_call({"a": 1})) == 3
    for _ in range(2):
        error = await check_failure_is_an_action_error(handler, make_call({"c": 1}))
        assert error.error_type == "parameters"
    assert await handler.run(make_call({"a": 1})) == 3


# Failures


async def test_exception_is_a_failure_with_its_type_and_cause():
    class OddError(Exception):
        def __str__(self) -> str:
            raise ValueError

    def fail(kind: str) -> None:
        raise {"value": ValueError("one\ntwo"), "bare": KeyError(), "odd": OddError()}[kind]

    error = await check_failure_is_an_action_error(tool(fail), make_call({"kind": "value"}))
    assert str(error) == "ValueError: one two"
    assert error.error_type == "ValueError"
    assert isinstance(error.__cause__, ValueError)
    error = await check_failure_is_an_action_error(tool(fail), make_call({"kind": "bare"}))
    assert str(error) == "KeyError"
    error = await check_failure_is_an_action_error(tool(fail), make_call({"kind": "odd"}))
    assert error.error_type == "OddError"


@pytest.mark.parametrize("failure", [StopIteration(), ExceptionGroup("several", [OSError()])])
async def test_unusual_exception_is_a_failure(failure: Exception):
    def fail() -> None:
        raise failure

    await check_failure_is_an_action_error(tool(fail), make_call())


async def test_error_that_a_function_has_worded_stays():
    worded = ActionError("out of paper", error_type="paper", retryable=False)

    async def fail() -> None:
        raise worded

    error = await check_failure_is_an_action_error(tool(fail), make_call())
    assert error is worded


@pytest.mark.parametrize("function", [add, add_async])
async def test_parameters_that_do_not_fit_are_refused(function: Callable[..., Any]):
    error = await check_failure_is_an_action_error(tool(function), make_call({"b": 1}))
    expected = "the parameters do not fit the function: missing a required argument: 'a'"
    assert str(error) == expected
    assert (error.error_type, error.retryable) == ("parameters", False)


async def test_function_without_a_signature_is_called():
    assert await tool(dict).run(make_call({"a": 1})) == {"a": 1}


async def test_what_is_no_exception_travels_on():
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await tool(stop).run(make_call())


# Cancelling


async def test_sync_function_that_hangs_is_left_behind():
    running, over = threading.Event(), threading.Event()

    def hang() -> None:
        running.set()
        over.wait(20)

    try:
        await check_cancellation_is_prompt(
            tool(hang), make_call(), when_running=running.is_set, leaves_nothing=lambda: True
        )
    finally:
        over.set()


async def test_async_function_that_hangs_is_cancelled():
    steps: list[str] = []

    async def hang() -> None:
        steps.append("running")
        try:
            await anyio.sleep_forever()
        finally:
            steps.append("ended")

    await check_cancellation_is_prompt(
        tool(hang),
        make_call(),
        when_running=lambda: bool(steps),
        leaves_nothing=lambda: steps == ["running", "ended"],
    )
