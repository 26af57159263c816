import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast

import pytest

from cortex_cli.engine.ports import Message, ModelClient, ModelRequest, TextPiece, ThoughtPiece
from cortex_cli.engine.tool_calls import ToolCall, ToolDefinition
from cortex_cli.errors import ActionError, SetupError
from cortex_cli.events import Usage
from cortex_cli.llm.connection import Connection
from cortex_cli.llm.remote import RemoteModel
from cortex_cli.testing import Answer, Hang, Refusal, ScriptedServer
from cortex_cli.testing.model_contract import (
    CHECKS,
    QUESTION,
    Make,
    check_early_close,
    pieces_of,
)
from cortex_cli.testing.scripts import Script

pytest.importorskip("pydantic_ai", reason="needs the extra 'llm'")

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
    "additionalProperties": False,
}
# The library does not close its generators one by one where a stream ends early; trio says so.
pytestmark = pytest.mark.filterwarnings(
    r"ignore:Async generator '(openai|httpx2|httpcore2|pydantic_ai)\.:ResourceWarning",
    "ignore:Exception ignored in. <async_generator object:pytest.PytestUnraisableExceptionWarning",
)


@asynccontextmanager
async def remote(
    server: ScriptedServer, environ: Mapping[str, str] | None = None, **changes: Any
) -> AsyncGenerator[RemoteModel]:
    settings: dict[str, Any] = {"provider": "acme", "model": "m", **changes}
    settings.setdefault("base_url", server.base_url)
    client = RemoteModel(Connection(**settings), environ or {})
    try:
        yield client
    finally:
        await client.aclose()


@asynccontextmanager
async def scripted(scripts: Sequence[Script]) -> AsyncGenerator[ModelClient]:
    async with ScriptedServer(scripts) as server, remote(server) as client:
        yield client


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_it_keeps_the_contract_of_model_clients(check: Callable[[Make], object]) -> None:
    await cast("Awaitable[None]", check(scripted))


async def test_a_closed_stream_closes_its_connection() -> None:
    async with ScriptedServer([Hang("all is"), "all is well"]) as server:

        @asynccontextmanager
        async def make(_: Sequence[Script]) -> AsyncGenerator[ModelClient]:
            async with remote(server) as client:
                yield client

        await check_early_close(make)
        await server.requests[0].ended.wait()
        assert server.requests[0].was_left


async def test_the_request_is_sent_as_it_is_asked() -> None:
    messages = tuple(
        Message(role=role, content=content)
        for role, content in [
            ("system", "be brief"),
            ("user", "one"),
            ("assistant", "1"),
            ("user", "two"),
        ]
    )
    request = ModelRequest(
        messages=messages, temperature=0.5, top_p=0.9, max_tokens=7, grammar='root ::= "a"'
    )
    server = ScriptedServer(["2"])
    async with server, remote(server, {"KEY": "abc"}, api_key_env="KEY") as client:
        assert client.name == "acme:m"
        await pieces_of(client, request)
    body = server.requests[0].body
    turns = [(turn["role"], turn["content"]) for turn in body["messages"]]
    assert turns == [(message.role, message.content) for message in messages]
    assert (body["temperature"], body["top_p"]) == (0.5, 0.9)
    assert body.get("max_tokens", body.get("max_completion_tokens")) == 7
    assert body["grammar"] == 'root ::= "a"'
    assert body["model"] == "m"
    assert server.requests[0].headers["authorization"] == "Bearer abc"


async def test_tools_calls_and_results_are_sent_in_the_words_of_the_service() -> None:
    call = ToolCall(id="add-2", name="add", arguments='{"to": [1]}')
    messages = (
        Message(role="user", content="go"),
        Message(role="assistant", content="I add", calls=(call,)),
        Message(role="tool", content="no numbers", answers=call, is_error=True),
    )
    tools = (
        ToolDefinition(name="add", description="Adds", parameters={"type": "object", "x": 1}),
        ToolDefinition(name="stop"),
    )
    request = ModelRequest(messages=messages, tools=tools, schema=SCHEMA)
    async with ScriptedServer(["{}", "{}"]) as server, remote(server) as client:
        await pieces_of(client, request)
        await pieces_of(client, replace(request, may_call=False, schema=None))
    first, second = (one.body for one in server.requests)
    add, stop = (one["function"] for one in first["tools"])
    assert (add["name"], add["description"]) == ("add", "Adds")
    assert (add["parameters"]["type"], add["parameters"]["x"]) == ("object", 1)
    assert stop["parameters"] == {"type": "object", "properties": {}}
    assert first.get("tool_choice") in {None, "auto"}
    assert second["tool_choice"] == "none"
    asked, answered = second["messages"][1:]
    assert asked["content"] == "I add"
    assert asked["tool_calls"][0]["id"] == answered["tool_call_id"] == "add-2"
    assert json.loads(asked["tool_calls"][0]["function"]["arguments"]) == {"to": [1]}
    assert "no numbers" in answered["content"]
    # Where there are tools the schema is told in words.
    assert "response_format" not in first
    assert '"additionalProperties": false' in first["messages"][-1]["content"]


async def test_a_schema_is_sent_as_the_format_of_the_answer() -> None:
    request = ModelRequest(messages=QUESTION.messages, schema=SCHEMA)
    async with ScriptedServer(['{"n": 1}']) as server, remote(server) as client:
        assert TextPiece('{"n": ') in await pieces_of(client, request)
    wanted = server.requests[0].body["response_format"]["json_schema"]
    assert wanted["schema"]["properties"] == SCHEMA["properties"]


async def test_where_a_schema_is_refused_it_is_told_in_words_from_then_on() -> None:
    request = ModelRequest(messages=QUESTION.messages, schema=SCHEMA)
    scripts = [Refusal(status=400, message="no response_format"), '{"n": 1}', '{"n": 2}']
    async with ScriptedServer(scripts) as server, remote(server) as client:
        for _ in range(2):
            assert isinstance((await pieces_of(client, request))[-1], Usage)
    assert ["response_format" in asked.body for asked in server.requests] == [True, False, False]
    assert '"additionalProperties": false' in server.requests[1].body["messages"][-1]["content"]


async def test_a_request_that_is_refused_with_and_without_a_schema_fails() -> None:
    request = ModelRequest(messages=QUESTION.messages, schema=SCHEMA)
    scripts = [Refusal(status=400, message="bad"), Refusal(status=400, message="bad too")]
    async with ScriptedServer(scripts) as server, remote(server) as client:
        with pytest.raises(ActionError, match="refused the request: bad too"):
            await pieces_of(client, request)
        with pytest.raises(ActionError, match="no answer is left"):
            await pieces_of(client, request)
    assert ["response_format" in asked.body for asked in server.requests] == [
        True,
        False,
        True,
        False,
    ]


async def test_an_address_where_nobody_listens_is_unreachable() -> None:
    async with ScriptedServer([]) as server:
        pass
    async with remote(server) as client:
        with pytest.raises(ActionError, match="'acme:m' cannot be reached: ") as caught:
            await pieces_of(client)
    assert (caught.value.error_type, caught.value.retryable) == ("unreachable", True)


async def test_errors_are_short_and_do_not_hold_the_key() -> None:
    said = f"the key sk-secret is wrong\n{'x' * 1000}"
    server = ScriptedServer([Refusal(status=401, message=said)])
    async with server, remote(server, {"KEY": "sk-secret"}, api_key_env="KEY") as client:
        with pytest.raises(ActionError, match=r"the key \*\*\* is wrong x+…$") as caught:
            await pieces_of(client)
    assert caught.value.error_type == "auth"
    assert len(str(caught.value)) < 400


async def test_a_whole_answer_has_its_thoughts_first() -> None:
    asked = ModelRequest(messages=QUESTION.messages, stream=False)
    async with scripted([Answer(text="all", thought="hm")]) as client:
        pieces = await pieces_of(client, asked)
    assert pieces[:2] == [ThoughtPiece("hm"), TextPiece("all")]


async def test_it_opens_again_after_it_was_closed() -> None:
    async with ScriptedServer(["a", "b"]) as server, remote(server) as client:
        await pieces_of(client)
        await client.aclose()
        await client.aclose()
        assert TextPiece("b") in await pieces_of(client)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_a_missing_key_is_told_with_the_three_ways_to_get_a_model(provider: str) -> None:
    pytest.importorskip("openai")
    with pytest.raises(SetupError) as caught:
        RemoteModel(Connection(provider=provider, model="m"), {})
    told = str(caught.value)
    if provider == "openai":
        assert "needs a key, and OPENAI_API_KEY is not set; there are three ways" in told
        assert "cortex models pull smollm2" in told
        assert "ScriptedLLM" in told
    else:
        assert "is not set" in told or f"pip install 'pydantic-ai-slim[{provider}]'" in told


def test_a_named_variable_without_a_value_is_a_missing_key() -> None:
    connection = Connection(provider="x", model="m", base_url="http://h/v1", api_key_env="MINE")
    with pytest.raises(SetupError, match="MINE is not set"):
        RemoteModel(connection, {"OPENAI_API_KEY": "k"})


def test_a_provider_without_a_known_address_needs_one() -> None:
    with pytest.raises(SetupError, match=r"no provider 'opnai' .*; did you mean 'openai'"):
        RemoteModel(Connection(provider="opnai", model="m"), {})
    with pytest.raises(SetupError, match=r"no provider 'acme' .*; there are three ways"):
        RemoteModel(Connection(provider="acme", model="m"), {})


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cast("dict[str, Any]", __import__("sys").modules), "pydantic_ai", None)
    with pytest.raises(SetupError, match=r"pip install 'cortex-agent-loop\[llm\]'"):
        RemoteModel(Connection(provider="ollama", model="m"), {})


def test_a_key_is_sent_to_its_own_address_only() -> None:
    environ = {"OPENAI_API_KEY": "sk", "GEMINI_API_KEY": "g", "MINE": "m"}
    assert Connection(provider="openai", model="m").key(environ) == "sk"
    assert Connection(provider="google", model="m").key(environ) == "g"
    assert Connection(provider="ollama", model="m").key(environ) is None
    elsewhere = Connection(provider="openai", model="m", base_url="https://example.org/v1")
    assert elsewhere.key(environ) is None
    named = Connection(provider="openai", model="m", base_url="http://h/v1", api_key_env="MINE")
    assert named.key(environ) == "m"


async def test_ollama_speaks_the_same_api_and_its_price_is_not_known() -> None:
    server = ScriptedServer(["fine"])
    async with server, remote(server, provider="ollama", model="llama3.2:1b") as client:
        assert (await pieces_of(client))[-1] == Usage(input_tokens=3, output_tokens=1)
    assert server.requests[0].body["model"] == "llama3.2:1b"


async def test_a_model_whose_price_is_not_known_has_no_cost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with ScriptedServer(["fine"]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        settings = {"provider": "openai", "model": "nonesuch", "base_url": None}
        async with remote(server, {"OPENAI_API_KEY": "k"}, **settings) as client:
            assert (await pieces_of(client))[-1] == Usage(input_tokens=3, output_tokens=1)
