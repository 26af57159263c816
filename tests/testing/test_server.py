import contextlib
import json
from typing import Any

import anyio
import httpx2
import pytest

from cortex_cli.testing import Answer, BrokenOff, Call, Garbled, Hang, Pace, Refusal, ScriptedServer

QUESTION: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "how are you"}]}


def client(server: ScriptedServer) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=server.base_url, trust_env=False)


def events(content: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in content.split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


async def ask(server: ScriptedServer, asked: dict[str, Any]) -> None:
    async with client(server) as http:
        with contextlib.suppress(httpx2.HTTPError):
            await http.post("/chat/completions", json=asked, timeout=None)


async def left(server: ScriptedServer, asked: dict[str, Any]) -> None:
    """Ask, and go away once the question has arrived."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, server, asked)
        while not server.requests:
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()


async def test_calls_are_streamed_in_pieces_as_real_servers_do() -> None:
    calls = [Call("add", {"to": [1, 2]}), Call("stop")]
    answer = Answer(text="I add", calls=calls)
    async with ScriptedServer([answer, answer]) as server, client(server) as http:
        whole = (await http.post("/chat/completions", json=QUESTION)).json()
        streamed = {**QUESTION, "stream": True}
        came = events((await http.post("/chat/completions", json=streamed)).text)
    choice = whole["choices"][0]
    assert choice["finish_reason"] == came[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assert [one["function"] for one in choice["message"]["tool_calls"]] == [
        {"name": "add", "arguments": '{"to": [1, 2]}'},
        {"name": "stop", "arguments": "{}"},
    ]
    deltas = [one["choices"][0]["delta"].get("tool_calls") for one in came]
    pieces = [one[0] for one in deltas if one]
    assert [one["index"] for one in pieces] == [0, 0, 0, 1]
    assert [one["function"].get("name") for one in pieces] == ["add", None, None, "stop"]
    assert len({one["id"] for one in pieces if "id" in one}) == 2
    assert "".join(one["function"]["arguments"] for one in pieces[:3]) == '{"to": [1, 2]}'


async def test_an_answer_is_whole_or_streamed_as_the_request_says() -> None:
    answer = Answer(text="all is well", thought="let me see")
    async with ScriptedServer([answer, answer, answer]) as server, client(server) as http:
        whole = (await http.post("/chat/completions", json=QUESTION)).json()
        assert whole["choices"][0]["message"] == {
            "role": "assistant",
            "content": "all is well",
            "reasoning_content": "let me see",
        }
        assert whole["choices"][0]["finish_reason"] == "stop"
        assert whole["usage"] == {"prompt_tokens": 3, "completion_tokens": 6, "total_tokens": 9}
        streamed = {**QUESTION, "stream": True, "stream_options": {"include_usage": True}}
        came = events((await http.post("/chat/completions", json=streamed)).text)
        assert came[-1]["usage"] == whole["usage"]
        assert came[-1]["choices"] == []
        deltas = [one["choices"][0]["delta"] for one in came[:-1]]
        assert "".join(delta.get("content", "") for delta in deltas) == "all is well"
        assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "let me see"
        plain = await http.post("/chat/completions", json={**QUESTION, "stream": True})
        assert "usage" not in plain.text


async def test_it_keeps_what_it_was_asked() -> None:
    async with ScriptedServer(["fine"], model="small") as server, client(server) as http:
        models = (await http.get("/models")).json()
        assert [model["id"] for model in models["data"]] == ["small"]
        await http.post("/chat/completions", json=QUESTION, headers={"Authorization": "Bearer k"})
    listed, asked = server.requests
    assert (listed.method, listed.path, listed.body) == ("GET", "/v1/models", None)
    assert asked.body == QUESTION
    assert asked.headers["authorization"] == "Bearer k"


async def test_what_it_cannot_answer_is_refused_in_the_words_of_the_api() -> None:
    async with ScriptedServer([]) as server, client(server) as http:
        left = await http.post("/chat/completions", json=QUESTION)
        assert (left.status_code, left.json()["error"]["code"]) == (400, "no_answer_left")
        for content in (b"[1]", b"{"):
            bad = await http.post("/chat/completions", content=content)
            assert bad.json()["error"]["code"] == "bad_request"
        assert (await http.get("/embeddings")).status_code == 404


async def test_faults_are_those_of_real_services() -> None:
    scripts = [
        Refusal(status=429, message="slow down", retry_after=1.5),
        BrokenOff("a"),
        BrokenOff(),
        Garbled("a"),
        Garbled(),
    ]
    streamed = {**QUESTION, "stream": True}
    async with ScriptedServer(scripts) as server, client(server) as http:
        refused = await http.post("/chat/completions", json=streamed)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1.5")
        assert refused.json()["error"]["message"] == "slow down"
        for body in (streamed, QUESTION):
            with pytest.raises(httpx2.RemoteProtocolError):
                await http.post("/chat/completions", json=body)
        with pytest.raises((ValueError, httpx2.RemoteProtocolError)):
            events((await http.post("/chat/completions", json=streamed)).text)
        with pytest.raises(ValueError, match="Expecting property name"):
            (await http.post("/chat/completions", json=QUESTION)).json()


@pytest.mark.parametrize("asked", [QUESTION, {**QUESTION, "stream": True}])
async def test_a_hanging_answer_notes_that_it_was_left(asked: dict[str, Any]) -> None:
    async with ScriptedServer([Hang("a b")]) as server:
        await left(server, asked)
        with anyio.fail_after(5):
            await server.requests[0].ended.wait()
        assert server.requests[0].was_left


async def test_it_writes_at_its_pace() -> None:
    pace = Pace(first_token_seconds=0.05, tokens_per_second=20)
    async with ScriptedServer(["a b c", "a b c"], pace=pace) as server, client(server) as http:
        for is_streamed in (True, False):
            began = anyio.current_time()
            await http.post("/chat/completions", json={**QUESTION, "stream": is_streamed})
            assert anyio.current_time() - began >= 0.15


async def test_leaving_it_ends_what_it_is_answering_and_frees_its_port() -> None:
    server = ScriptedServer([Hang("a")])
    async with anyio.create_task_group() as tasks, server:
        tasks.start_soon(ask, server, {**QUESTION, "stream": True})
        while not server.requests:
            await anyio.lowlevel.checkpoint()
    with pytest.raises(OSError, match=r".*"):
        await anyio.connect_tcp("127.0.0.1", int(server.base_url.split(":")[2].split("/")[0]))


async def test_who_hangs_up_before_asking_is_let_go() -> None:
    async with ScriptedServer([]) as server:
        port = int(server.base_url.split(":")[2].split("/")[0])
        async with await anyio.connect_tcp("127.0.0.1", port) as stream:
            await stream.send(b"GET /v1")
        async with client(server) as http:
            assert (await http.get("/models")).status_code == 200
