"""What a model may call, from what a manifest imports; and the planner over a session's models."""

from pathlib import Path

import pytest

from cortex_cli import AgentLoopExecutor, AgentLoopProtocol
from cortex_cli.errors import ManifestError, SetupError
from cortex_cli.kinds import ActionType
from cortex_cli.session.offers import MODEL, offers_of
from cortex_cli.session.session import Request, Session
from cortex_cli.testing import ScriptedLLM

FILES = {
    "say.yaml": "kind: Tool\nname: say\ndescription: |\n  Says\n  it\neffect: idempotent\n"
    "parameters: [{name: text, required: true}]\n"
    "implementation: {type: command, command: [echo, '${inputs.text}']}\n",
    "kept.yaml": "kind: Relic\nname: kept\nsummary: Notes\n"
    "interface: {type: embedded, engine: sqlite_kv}\n",
    "nowhere.yaml": "kind: Relic\nname: nowhere\n"
    "interface: {type: rest_api, endpoints: [{name: get, path: /x}]}\n",
    "flow.yaml": "kind: Workflow\nname: flow\nsummary: Flows\ninputs: {n: integer}\n"
    "actions: [{id: a, type: internal}]\n",
    "free.yaml": "kind: Agent\nname: free\ninputs: {page: {type: string, default: x}}\n",
    "set.yaml": "kind: Agent\nname: set\ngoal: " + "g" * 600 + "\n",
    "agent.yaml": "kind: Agent\nname: agent\ngoal: g\nimport: {tools: [say.yaml],"
    " relics: [kept.yaml, nowhere.yaml], workflows: [flow.yaml], agents: [free.yaml, set.yaml]}\n",
}


def opened(folder: Path, text: str | None = None, **environ: str) -> Session:
    for name, content in FILES.items():
        (folder / name).write_text(content)
    if text is not None:
        (folder / "agent.yaml").write_text(text)
    environ = {"CORTEX_HOME": str(folder / "state"), "HOME": str(folder), **environ}
    return Session.open(Request(source=folder / "agent.yaml", cwd=folder, environ=environ))


def test_everything_that_is_imported_is_offered_with_its_schema(tmp_path: Path) -> None:
    offers = offers_of(opened(tmp_path).program)
    by_name = {(offer.target, offer.operation): offer for offer in offers}
    assert list(by_name) == [
        ("say", None), ("kept", "set_value"), ("kept", "get_value"), ("kept", "delete_value"),
        ("kept", "list_keys"), ("free", None), ("set", None), ("flow", None), ("default", None),
    ]  # fmt: skip
    say = by_name["say", None]
    assert (say.type, say.description, say.effect) == (ActionType.TOOL, "Says it", "idempotent")
    assert say.parameters["required"] == ["text"]
    assert by_name["kept", "get_value"].description == (
        "Notes: Gives the value of a key, or the default."
    )
    assert by_name["flow", None].parameters["required"] == ["n"]
    free, own = by_name["free", None].parameters, by_name["set", None].parameters
    assert (free["required"], set(free["properties"])) == (["goal"], {"page", "goal"})
    assert "required" not in own
    assert len(by_name["set", None].description) == 501
    assert offers[-1] is MODEL


def test_the_run_of_an_agent_with_a_goal_has_a_planner(tmp_path: Path) -> None:
    session = opened(tmp_path)
    spec = session._specs.of(session.program)
    assert spec.planner is not None
    assert (spec.goal, len(spec.offers)) == ("g", 9)
    with pytest.raises(SetupError, match="three ways to get a model"):
        _ = spec.planner.name


async def test_a_model_that_is_configured_plans_and_one_that_cannot_does_not(
    tmp_path: Path,
) -> None:
    session = opened(tmp_path, CORTEX_MODEL="acme:m", CORTEX_BASE_URL="http://127.0.0.1:9/v1")
    await session.preflight()
    planner = session._specs.of(session.program).planner
    assert planner is not None
    assert planner.name == "acme:m"
    await session.aclose()
    text = (
        "kind: Agent\nname: agent\ngoal: g\ncognitive_engine: {primary: {provider: builtin,"
        " model: extractive}}\n"
    )
    with pytest.raises(SetupError, match="no model that could plan"):
        await opened(tmp_path, text).preflight()


async def test_a_prompt_file_that_cannot_be_used_is_an_error_once_it_is_needed(
    tmp_path: Path,
) -> None:
    (tmp_path / "bad.md").write_bytes(b"\xff\xfe")
    text = "kind: Agent\nname: agent\ngoal: g\npersona: {knowledge: [bad.md, gone.md]}\n"
    session = opened(tmp_path, text, CORTEX_MODEL="acme:m", CORTEX_BASE_URL="http://127.0.0.1:9/v1")
    with pytest.raises(ManifestError) as caught:
        await session.preflight()
    messages = [problem.message for problem in caught.value.problems]
    assert messages == [
        "the file 'bad.md' cannot be used: it is not UTF-8", "the file 'gone.md' was not found",
    ]  # fmt: skip


async def test_functions_are_planned_with_from_python() -> None:
    def double(number: int) -> int:
        """Doubles a number."""
        return 2 * number

    plan = (
        '{"id":"d","type":"tool","target":"double","parameters":{"number":"$(steps.e)"}}'
        '{"id":"e","type":"tool","target":"double","parameters":{"number":21}}'
        '{"id":"f","type":"tool","target":"double","parameters":{"number":"many"}}'
    )
    model = ScriptedLLM([plan, '{"final_answer": 84}', '{"final_answer": 84}'])
    executor = AgentLoopExecutor(
        agent_name="a", goal="double 21 twice", tool_executor={"double": double},
        llm_client=model, protocol=AgentLoopProtocol(max_iterations=2),
    )  # fmt: skip
    async with executor.execute_agent_loop() as stream:
        events = [event async for event in stream]
    outputs = {
        e.action_name: e.data["output"] for e in events if e.event_type == "action_completed"
    }
    assert outputs == {"d": 84, "e": 42}
    assert events[-1].data["outputs"] == 84
    assert "Doubles a number." in model.requests[0].messages[0].content


def test_offers_of_a_manifest_without_imports_are_the_model_alone(tmp_path: Path) -> None:
    offers = offers_of(opened(tmp_path, "kind: Agent\nname: a\n").program)
    assert offers == (MODEL,)
