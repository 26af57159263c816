"""llm actions with tools, in manifests and from Python."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cortex_cli import Action, ActionType, AgentLoopExecutor
from cortex_cli.errors import ActionError, ManifestError, SetupError
from cortex_cli.events import Event
from cortex_cli.session.offers import offers_named
from cortex_cli.session.session import Request, Session
from cortex_cli.session.within_reach import called_by
from cortex_cli.testing import Answer, Call, ScriptedLLM, ScriptedServer
from tests.llm.test_remote import pytestmark as quiet

pytest.importorskip("pydantic_ai", reason="needs the extra 'llm'")
pytestmark = quiet

TOOL = """\
kind: Tool
name: say
description: Says it
parameters: [{name: text, type: string, required: true}]
implementation: {type: command, command: [echo, "${inputs.text}"]}
"""
FILES = {
    "say.yaml": TOOL,
    "shelf.yaml": "kind: Relic\nname: shelf\ninterface: {type: embedded, engine: sqlite_kv}\n",
    "far.yaml": "kind: Relic\nname: far\n"
                "interface: {type: rest_api, endpoints: [{name: get, method: GET, path: /}]}\n",
    "twice.yaml": "kind: Workflow\nname: twice\nimport: {tools: [say.yaml]}\n"
                  "inputs: {what: string}\n"
                  "actions: [{id: a, type: tool, target: say, output_key: x,"
                  " parameters: {text: \"${inputs.what} ${inputs.what}\"}}]\n"
                  "outputs: {said: {source: $x}}\n",
    "helper.yaml": "kind: Agent\nname: helper\nsummary: Helps\n",
}  # fmt: skip
ALL = (
    "import: {tools: [say.yaml], relics: [shelf.yaml, far.yaml], workflows: [twice.yaml],"
    " agents: [helper.yaml]}\n"
)


def opened(
    folder: Path, action: str, more: str = "", environ: Mapping[str, str] | None = None
) -> Session:
    for name, text in FILES.items():
        (folder / name).write_text(text)
    manifest = folder / "main.yaml"
    manifest.write_text(
        f"kind: Agent\nname: asker\n{ALL}{more}actions:\n"
        f"  - {{id: ask, type: llm, output_key: answer, {action}}}\n"
    )
    environ = {
        "CORTEX_HOME": str(folder / "state"), "HOME": str(folder), "PATH": "/usr/bin:/bin",
        **(environ or {}),
    }  # fmt: skip
    return Session.open(Request(source=manifest, cwd=folder, root=folder, environ=environ))


async def run(session: Session) -> list[Event]:
    try:
        await session.preflight()
        async with session.run({}) as events:
            return [event async for event in events]
    finally:
        await session.aclose()


def at(server: ScriptedServer) -> dict[str, str]:
    return {"CORTEX_MODEL": "acme:m", "CORTEX_BASE_URL": server.base_url}


async def test_tools_operations_workflows_and_agents_can_be_called(tmp_path: Path) -> None:
    turn = Answer(
        calls=[
            Call("say", {"text": "hi"}),
            Call("shelf_set_value", {"key": "k", "value": [1]}),
            Call("twice", {"what": "ho"}),
            Call("helper", {"goal": "help"}),
        ]
    )
    async with ScriptedServer([turn, '{"final_answer": "helped"}', "done"]) as server:
        tools = "tools: [say, shelf.set_value, shelf.get_value, twice, helper, say]"
        session = opened(tmp_path, f"parameters: {{prompt: go, {tools}}}", environ=at(server))
        events = await run(session)
    outputs = {event.data["outputs"]["ask"] for event in events[-1:]}
    assert outputs == {"done"}
    body = server.requests[0].body
    assert [one["function"]["name"] for one in body["tools"]] == [
        "say", "shelf_set_value", "shelf_get_value", "twice", "helper",
    ]  # fmt: skip
    assert body["tools"][0]["function"]["description"] == "Says it"
    told = {one["tool_call_id"]: one["content"] for one in server.requests[2].body["messages"]
            if one["role"] == "tool"}  # fmt: skip
    assert told == {
        "say": "hi", "shelf_set_value": '{"success":true,"key":"k"}',
        "twice": '{"said":"ho ho"}', "helper": "helped",
    }  # fmt: skip


async def test_the_name_of_a_relic_is_all_of_its_operations(tmp_path: Path) -> None:
    async with ScriptedServer(["done"]) as server:
        await run(opened(tmp_path, "parameters: {prompt: go, tools: [shelf]}", environ=at(server)))
    names = [one["function"]["name"] for one in server.requests[0].body["tools"]]
    assert names == ["shelf_set_value", "shelf_get_value", "shelf_delete_value", "shelf_list_keys"]


@pytest.mark.parametrize(
    ("action", "place", "told"),
    [
        ("{tools: [say, sey]}", "sey", ("the model of 'ask' may call 'sey', which nothing imports;"
                                       " did you mean 'say'?")),
        ("{tools: [helpr]}", "helpr", "did you mean 'helper'?"),
        ("{tools: [shelf.gett_value]}", "shelf.g", ("relic 'shelf' has no operation 'gett_value';"
                                                   " did you mean 'get_value'?")),
        ("{tools: [shelf.fly]}", "shelf.f", "it has 'set_value', 'get_value'"),
        ("{tools: [far]}", "far", "relic 'far' says no 'base_url', so it cannot be called"),
        ("{tools: say}", "say", "'tools' of 'ask' is no list of names"),
        ("{tools: [$RUN_ID]}", "$RUN_ID", "'$RUN_ID' under 'tools' of 'ask' is no name"),
        ("{tools: [1]}", "1]", "1 under 'tools' of 'ask' is no name"),
        ("{tools: [say]}, cache: true", "true", ("'ask' calls tools, and an answer that rests on"
                                                " calls is not cached; leave 'cache' out")),
        ("{tools: [say]}, resources: {gpu: 1}", "1}", "llm 'ask' takes 'gpu' itself"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_tools_is_told_at_load_with_its_place(
    tmp_path: Path, action: str, place: str, told: str
) -> None:
    with pytest.raises(ManifestError) as caught:
        opened(tmp_path, f"parameters: {action}")
    line = (tmp_path / "main.yaml").read_text().splitlines()[4]
    found = {(one.line, one.column): str(one) for one in caught.value.problems}
    assert told in found[5, line.index(place) + 1]


def test_an_import_that_is_missing_is_told_where_it_is_named(tmp_path: Path) -> None:
    text = (
        "kind: Agent\nname: a\nimport: {tools: [gone]}\nactions:\n"
        "  - {id: ask, type: llm, parameters: {prompt: x, tools: [gone]}}\n"
    )
    request = Request(source=text.encode(), cwd=tmp_path, environ={"HOME": str(tmp_path)})
    with pytest.raises(ManifestError, match="the import 'gone' was not found"):
        Session.open(request)


async def test_without_a_model_that_calls_tools_nothing_is_begun(tmp_path: Path) -> None:
    session = opened(tmp_path, "parameters: {prompt: x, tools: [say]}")
    with pytest.raises(SetupError, match="may call tools, and builtin/extractive calls none"):
        await run(session)


async def test_what_performs_the_calls_is_made_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    broken = TOOL.replace("implementation: {", "sandbox: bwrap\nimplementation: {")
    async with ScriptedServer([]) as server:
        FILES["say.yaml"], before = broken, FILES["say.yaml"]
        try:
            session = opened(tmp_path, "parameters: {prompt: x, tools: [say]}", environ=at(server))
            with pytest.raises(SetupError, match="bwrap"):
                await run(session)
        finally:
            FILES["say.yaml"] = before


async def test_a_secret_in_the_prompt_keeps_anything_from_being_sent(tmp_path: Path) -> None:
    more = "secrets: {KEY: {env: THE_KEY}}\nenvironment: {variables: {SHOWN: '${secrets.KEY}'}}\n"
    async with ScriptedServer(["never"]) as server:
        environ = {**at(server), "THE_KEY": "open-sesame"}
        action = "parameters: {prompt: 'use ${env.SHOWN}', tools: [say]}"
        events = await run(opened(tmp_path, action, more, environ=environ))
    failed = next(event for event in events if event.event_type == "action_failed")
    assert failed.data["error_type"] == "secret"
    assert server.requests == []


def shout(text: str, times: int = 1) -> str:
    """Says it louder."""
    return text.upper() * times


def asking(*tools: str) -> Action:
    return Action(id="ask", type=ActionType.LLM, parameters={"prompt": "go", "tools": list(tools)})


async def events_of(executor: AgentLoopExecutor) -> list[Event]:
    async with executor.execute_agent_loop() as events:
        return [event async for event in events]


async def test_functions_can_be_called_from_python() -> None:
    llm = ScriptedLLM([Answer(calls=[Call("shout", {"text": "a", "times": 2})]), "done"])
    executor = AgentLoopExecutor(
        agent_name="x", plan=[asking("shout")], tool_executor={"shout": shout}, llm_client=llm
    )
    events = await events_of(executor)
    assert events[-1].data["outputs"] == {"ask": "done"}
    assert llm.requests[1].messages[-1].content == "AA"
    (offered,) = llm.requests[0].tools
    assert (offered.name, offered.description) == ("shout", "Says it louder.")
    assert offered.parameters["required"] == ["text"]


class Named:
    async def execute(self, name: str, parameters: dict[str, Any]) -> Any:
        return [name, parameters]


async def test_an_object_that_executes_is_taken_at_its_word() -> None:
    llm = ScriptedLLM([Answer(calls=[Call("any", {"x": 1})]), "done"])
    executor = AgentLoopExecutor(
        agent_name="x", plan=[asking("any")], tool_executor=Named(), llm_client=llm
    )
    await events_of(executor)
    assert llm.requests[1].messages[-1].content == '["any",{"x":1}]'


async def test_a_function_that_is_gone_by_the_time_fails_the_action() -> None:
    tools = {"shout": shout}
    executor = AgentLoopExecutor(
        agent_name="x", plan=[asking("shout")], tool_executor=tools, llm_client=ScriptedLLM([])
    )
    tools.clear()
    events = await events_of(executor)
    failed = next(event for event in events if event.event_type == "action_failed")
    assert failed.data["error"] == "there is no tool 'shout' that a model could call"


def test_an_unknown_function_is_a_problem_before_anything_runs() -> None:
    with pytest.raises(ManifestError, match="may call 'shoot', which is no tool; did you mean"):
        AgentLoopExecutor(agent_name="x", plan=[asking("shoot")], tool_executor={"shout": shout})


async def test_a_model_may_plan_a_conversation_with_what_it_may_call_itself() -> None:
    def planned(*tools: str) -> str:
        return asking(*tools).model_dump_json(include={"id", "type", "parameters"})

    llm = ScriptedLLM(
        [
            planned("shoot"),
            planned("shout"),
            Answer(calls=[Call("shout", {"text": "a"})]),
            "A!",
            '{"final_answer": "fine"}',
        ]
    )
    executor = AgentLoopExecutor(
        agent_name="x", goal="shout", tool_executor={"shout": shout}, llm_client=llm
    )
    events = await events_of(executor)
    assert events[-1].data["outputs"] == "fine"
    told = llm.requests[1].messages[-1].content
    assert "'shoot' under 'tools' may not be called: it is not among what is offered" in told
    assert '"output":"A!"' in llm.requests[4].messages[-1].content


async def test_health_and_secrets_look_at_what_a_model_may_call(tmp_path: Path) -> None:
    session = opened(tmp_path, "parameters: {prompt: go, tools: [say, helper, shelf.get_value]}")
    action = session.program.plan.actions[0]  # type: ignore[union-attr]
    found = [one.manifest.name for one in called_by(session.program, action)]
    assert found == ["say", "shelf"]
    ghost = action.model_copy(update={"parameters": {"tools": ["ghost"]}})
    assert list(called_by(session.program, ghost)) == []
    with pytest.raises(ActionError, match="nothing is called 'ghost' that a model could call"):
        offers_named(session.program, ["ghost"])
