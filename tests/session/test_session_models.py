"""Models in a session: who answers the llm actions of a manifest, and of a plan from Python."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cortex_cli import Action, ActionType, AgentLoopExecutor
from cortex_cli.errors import ManifestError, SetupError
from cortex_cli.events import Event
from cortex_cli.llm.remote import RemoteModel
from cortex_cli.session.session import Request, Session
from cortex_cli.testing import Answer, BrokenOff, Refusal, ScriptedServer
from tests.llm.test_remote import pytestmark as quiet

pytest.importorskip("pydantic_ai", reason="needs the extra 'llm'")
pytestmark = quiet

SCHEMA = "{type: object, properties: {n: {type: integer}}, required: [n]}"


def opened(
    folder: Path, engine: str, action: str, environ: Mapping[str, str] | None = None
) -> Session:
    text = (
        f"kind: Agent\nname: asker\ncognitive_engine: {engine}\nactions:\n"
        f"  - {{id: ask, type: llm, output_key: answer, {action}}}\n"
    )
    environ = {"CORTEX_HOME": str(folder / "state"), "HOME": str(folder), **(environ or {})}
    return Session.open(Request(source=text.encode(), cwd=folder, environ=environ))


async def run(session: Session) -> list[Event]:
    await session.preflight()
    try:
        async with session.run({}) as events:
            return [event async for event in events]
    finally:
        await session.aclose()


def of(events: list[Event], kind: str) -> list[Any]:
    return [event.data for event in events if event.event_type == kind]


async def test_the_model_of_an_agent_streams_its_answer_with_thoughts_and_usage(
    tmp_path: Path,
) -> None:
    answer = Answer(text="all is well", thought="let me see")
    async with ScriptedServer([answer]) as server:
        events = await run(
            opened(
                tmp_path,
                f"{{primary: {{provider: acme, model: m, base_url: '{server.base_url}'}},"
                " parameters: {temperature: 0.5}}",
                "parameters: {prompt: how are you}",
            )
        )
    tokens = of(events, "llm_token")
    assert "".join(data.token for data in tokens) == "all is well"
    assert [data.cumulative_tokens for data in tokens] == [1, 2, 3]
    assert {data.model for data in tokens} == {"acme:m"}
    assert "".join(data.text for data in of(events, "thought")) == "let me see"
    completed = of(events, "action_completed")[0]
    assert completed.output == "all is well"
    assert (completed.usage.input_tokens, completed.usage.output_tokens) == (3, 6)
    assert of(events, "agent_completed")[0].usage == completed.usage
    assert server.requests[0].body["temperature"] == 0.5


async def test_a_schema_makes_the_output_a_value(tmp_path: Path) -> None:
    async with ScriptedServer(['{"n": "one"}', '{"n": 1}']) as server:
        events = await run(
            opened(
                tmp_path,
                f"{{primary: {{provider: acme, model: m, base_url: '{server.base_url}'}}}}",
                f"parameters: {{prompt: count, schema: {SCHEMA}}}",
            )
        )
    assert of(events, "action_completed")[0].output == {"n": 1}
    assert "asked again" in of(events, "warning")[0].message


async def test_a_rate_limit_is_waited_for_and_the_settings_name_the_model(tmp_path: Path) -> None:
    scripts = [Refusal(status=429, retry_after=1), BrokenOff("all"), "fine"]
    async with ScriptedServer(scripts) as server:
        environ = {"CORTEX_MODEL": "acme:m", "CORTEX_BASE_URL": server.base_url}
        action = "retry: {max_attempts: 3, delay_seconds: 0.01}, parameters: {prompt: a}"
        events = await run(opened(tmp_path, "{}", action, environ))
    first, second = of(events, "action_retrying")
    assert (first.error_type, first.delay_seconds) == ("rate_limited", 1.0)
    assert second.error_type == "broken_stream"
    assert of(events, "action_completed")[0].output == "fine"


async def test_the_fallback_takes_over_with_a_warning(tmp_path: Path) -> None:
    async with ScriptedServer([Refusal(status=401), "fine"]) as server:
        address = f"base_url: '{server.base_url}'"
        engine = (
            f"{{primary: {{provider: acme, model: big, {address}}},"
            f" fallback: {{provider: acme, model: small, {address}}}}}"
        )
        events = await run(opened(tmp_path, engine, "parameters: {prompt: a}"))
    assert of(events, "action_completed")[0].output == "fine"
    assert of(events, "warning")[0].message.endswith("acme:small answers in its place")
    assert [asked.body["model"] for asked in server.requests] == ["big", "small"]


async def test_an_action_names_a_model_and_its_fallback_is_another(tmp_path: Path) -> None:
    async with ScriptedServer([Refusal(status=500), "fine"]) as server:
        engine = f"{{primary: {{provider: acme, model: m, base_url: '{server.base_url}'}}}}"
        action = "target: 'acme:first', fallback: ['acme:second'], parameters: {prompt: a}"
        events = await run(opened(tmp_path, engine, action))
    assert of(events, "action_completed")[0].output == "fine"
    assert [asked.body["model"] for asked in server.requests] == ["first", "second"]


async def test_without_a_model_the_built_in_one_answers(tmp_path: Path) -> None:
    session = opened(tmp_path, "{}", "parameters: {prompt: what, text: All is well here.}")
    assert of(await run(session), "action_completed")[0].output == "All is well here."


async def test_the_built_in_model_writes_no_json_and_says_so(tmp_path: Path) -> None:
    action = f"parameters: {{prompt: count, text: All is well., schema: {SCHEMA}}}"
    failed = of(await run(opened(tmp_path, "{}", action)), "action_failed")[0]
    assert failed.error_type == "model"
    assert "there are three ways to get a model" in failed.error


@pytest.mark.parametrize(
    ("engine", "target", "told"),
    [
        ("{primary: {provider: openai, model: gpt}}", "default", "OPENAI_API_KEY is not set"),
        ("{}", "openai:gpt", "OPENAI_API_KEY is not set"),
        ("{}", "gpt", "write provider:model"),
        ("{}", "local:smollm2", "cortex models pull smollm2"),
    ],
)
async def test_a_model_that_can_not_be_had_stops_the_run_before_it_starts(
    tmp_path: Path, engine: str, target: str, told: str
) -> None:
    session = opened(tmp_path, engine, f"target: '{target}', parameters: {{prompt: a}}")
    with pytest.raises(SetupError, match=told):
        await session.preflight()


def test_what_a_manifest_says_of_its_models_is_checked(tmp_path: Path) -> None:
    for wrong in ("base_url: 'example.org'", "api_key: secret", "provider: ''"):
        with pytest.raises(ManifestError):
            opened(
                tmp_path,
                f"{{primary: {{{'' if 'provider' in wrong else 'provider: a,'} {wrong}}}}}",
                "parameters: {prompt: a}",
            )


async def test_a_plan_from_python_names_its_models_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedServer(["fine"]) as server:
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        ask = Action(
            id="ask", type=ActionType.LLM, target="openai:gpt-4o", parameters={"prompt": "how"}
        )
        executor = AgentLoopExecutor(agent_name="asker", plan=[ask])
        async with executor.execute_agent_loop() as events:
            seen = [event async for event in events]
    completed = of(seen, "action_completed")[0]
    assert completed.output == "fine"
    assert completed.usage.cost_usd == pytest.approx(1 * 2.5e-6 + 1 * 10e-6)
    assert server.requests[0].headers["authorization"] == "Bearer k"


TALK = """\
import: {tools: [./say.yaml]}
actions: [{id: a, type: llm, parameters: {prompt: Find out., tools: [say]}}]
"""


@pytest.mark.parametrize(
    ("plan", "answer"),
    [("goal: Find out.", '{"final_answer": "It is two."}'), (TALK, "It is two.")],
)
async def test_a_session_closes_the_models_that_planned_or_talked(
    plan: str, answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    close = RemoteModel.aclose

    async def closing(model: RemoteModel) -> None:
        closed.append(model.name)
        await close(model)

    monkeypatch.setattr(RemoteModel, "aclose", closing)
    (tmp_path / "say.yaml").write_text(
        "kind: Tool\nname: say\nimplementation: {type: command, command: [echo, two]}\n"
    )
    async with ScriptedServer([answer]) as server:
        chosen = f"{{provider: acme, model: m, base_url: '{server.base_url}'}}"
        text = f"kind: Agent\nname: asker\ncognitive_engine: {{primary: {chosen}}}\n{plan}\n"
        environ = {"CORTEX_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}
        session = Session.open(Request(source=text.encode(), cwd=tmp_path, environ=environ))
        events = await run(session)
    assert events[-1].event_type == "agent_completed"
    assert closed == ["acme:m"]
