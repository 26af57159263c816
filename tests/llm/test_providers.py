"""Anthropic and Google, through their own packages, at scripted endpoints that speak their APIs."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from cortex_cli import Action, ActionType, AgentLoopExecutor
from cortex_cli.engine.ports import Message, ModelClient, ModelRequest, TextPiece
from cortex_cli.engine.tool_calls import ToolCall, ToolDefinition
from cortex_cli.errors import ActionError
from cortex_cli.events import Usage
from cortex_cli.llm.remote import RemoteModel
from cortex_cli.testing import Answer, Call, Refusal
from cortex_cli.testing.model_contract import (
    CHECKS,
    QUESTION,
    Make,
    check_broken_calls_come_as_written,
    pieces_of,
)
from cortex_cli.testing.scripts import Script
from tests.llm.test_remote import SCHEMA, remote
from tests.llm.test_remote import pytestmark as quiet
from tests.llm.wires import AnthropicServer, GoogleServer, Wire

pytest.importorskip("anthropic")
pytest.importorskip("google.genai")
pytestmark = quiet

SERVERS: dict[str, type[Wire]] = {"anthropic": AnthropicServer, "google": GoogleServer}
each_provider = pytest.mark.parametrize("provider", SERVERS)
KEY = "sk-secret"
ASKED = {"prompt": "go", "tools": ["shout"]}


@asynccontextmanager
async def at(server: Wire, provider: str) -> AsyncGenerator[RemoteModel]:
    async with remote(server, {"KEY": KEY}, provider=provider, api_key_env="KEY") as client:
        yield client


@each_provider
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_they_keep_the_contract_of_model_clients(
    provider: str, check: Callable[[Make], object]
) -> None:
    if provider == "google" and check is check_broken_calls_come_as_written:
        pytest.skip("its calls are JSON before they are sent")

    @asynccontextmanager
    async def make(scripts: Sequence[Script]) -> AsyncGenerator[ModelClient]:
        async with SERVERS[provider](scripts) as server, at(server, provider) as client:
            yield client

    await cast("Awaitable[None]", check(make))


CALL = ToolCall(id="add-2", name="add", arguments='{"to": [1]}')
REQUEST = ModelRequest(
    messages=(
        Message(role="system", content="be brief"),
        Message(role="user", content="go"),
        Message(role="assistant", content="I add", calls=(CALL,)),
        Message(role="tool", content="no numbers", answers=CALL, is_error=True),
    ),
    tools=(ToolDefinition(name="add", description="Adds", parameters={"type": "object"}),),
    max_tokens=7,
    may_call=False,
)


async def sent(provider: str, request: ModelRequest) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    """What the service gets to see: the body and the headers."""
    async with SERVERS[provider](["fine"]) as server, at(server, provider) as client:
        assert TextPiece("fine") in await pieces_of(client, request)
    return server.requests[0].body, server.requests[0].headers


async def test_anthropic_gets_the_conversation_in_its_own_words() -> None:
    body, headers = await sent("anthropic", REQUEST)
    assert KEY in {
        headers.get("x-api-key"),
        headers.get("authorization", "").removeprefix("Bearer "),
    }
    assert body["max_tokens"] == 7
    assert "be brief" in str(body["system"])
    asked, called, answered = body["messages"]
    assert (asked["role"], called["role"], answered["role"]) == ("user", "assistant", "user")
    assert [block["type"] for block in called["content"]] == ["text", "tool_use"]
    result = answered["content"][0]
    assert called["content"][1]["id"] == result["tool_use_id"] == "add-2"
    assert called["content"][1]["input"] == {"to": [1]}
    assert "no numbers" in str(result["content"])
    assert result["is_error"] is True
    assert body["tools"][0]["name"] == "add"
    assert body["tool_choice"]["type"] == "none"


async def test_google_gets_the_conversation_in_its_own_words() -> None:
    body, headers = await sent("google", REQUEST)
    assert headers["x-goog-api-key"] == KEY
    assert body["generationConfig"]["maxOutputTokens"] == 7
    assert "be brief" in str(body["systemInstruction"])
    asked, called, answered = body["contents"]
    assert (asked["role"], called["role"], answered["role"]) == ("user", "model", "user")
    assert called["parts"][1]["functionCall"]["args"] == {"to": [1]}
    assert "no numbers" in str(answered["parts"][0]["functionResponse"]["response"])
    assert body["toolConfig"]["functionCallingConfig"]["mode"] == "NONE"


@each_provider
async def test_a_schema_is_kept_to_by_the_service_or_told_in_words(provider: str) -> None:
    body, _ = await sent(provider, ModelRequest(messages=QUESTION.messages, schema=SCHEMA))
    assert "additionalProperties" in str(body)


@each_provider
async def test_what_the_service_said_of_an_error_is_told_without_the_key(provider: str) -> None:
    refusal = Refusal(status=401, message=f"{KEY} is wrong")
    async with SERVERS[provider]([refusal]) as server, at(server, provider) as client:
        with pytest.raises(ActionError) as caught:
            await pieces_of(client)
    assert str(caught.value) == f"the model '{provider}:m' does not accept the key: *** is wrong"


@each_provider
async def test_the_price_of_another_address_is_not_known(provider: str) -> None:
    async with SERVERS[provider](["fine"]) as server, at(server, provider) as client:
        assert (await pieces_of(client))[-1] == Usage(input_tokens=3, output_tokens=1)


def shout(text: str) -> str:
    """Says it louder."""
    return text.upper()


@each_provider
async def test_tools_are_called_in_the_way_of_the_service(provider: str) -> None:
    scripts = [Answer(text="I shout", calls=[Call("shout", {"text": "hi"})]), "It said HI."]
    async with SERVERS[provider](scripts) as server, at(server, provider) as client:
        executor = AgentLoopExecutor(
            agent_name="x",
            plan=[Action(id="ask", type=ActionType.LLM, parameters=ASKED)],
            tool_executor={"shout": shout},
            llm_client=client,
        )
        async with executor.execute_agent_loop() as stream:
            events = [event async for event in stream]
    outputs = {event.action_id: event.data["output"] for event in events if "output" in event.data}
    assert outputs == {"shout": "HI", "ask": "It said HI."}
    assert "HI" in str(server.requests[1].body)
    assert events[-1].data["usage"].output_tokens == 7
