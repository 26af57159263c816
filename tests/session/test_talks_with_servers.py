"""A model that calls the tools of an MCP server."""

from pathlib import Path

import pytest

from cortex_cli.testing import Answer, Call, ScriptedServer
from tests.llm.test_remote import pytestmark as quiet
from tests.session.test_servers import TOML, events_of, opened

pytest.importorskip("pydantic_ai", reason="needs the extra 'llm'")
pytestmark = [quiet, pytest.mark.timeout(60)]

MANIFEST = """
kind: Agent
name: a
import: {mcp: [odd]}
actions:
  - {id: ask, type: llm, parameters: {prompt: go, tools: [odd.t]}}
"""


async def test_a_tool_of_a_server_is_called_and_told_of_once_it_is_pinned(tmp_path: Path) -> None:
    (tmp_path / "cortex.toml").write_text(TOML)
    (tmp_path / "a.yaml").write_text(MANIFEST)
    turns = [Answer(calls=[Call("odd_t")]), "done"]
    async with ScriptedServer([*turns, *turns]) as server:
        environ = {
            "ODD_KEY": "s3cr3t-key", "CORTEX_MODEL": "acme:m", "CORTEX_BASE_URL": server.base_url,
        }  # fmt: skip
        for _ in range(2):
            events = await events_of(opened(tmp_path, "a.yaml", **environ))
            assert events[-1].data["outputs"] == {"ask": "done"}
    first, second = (server.requests[place].body["tools"][0] for place in (0, 2))
    assert first["function"]["name"] == second["function"]["name"] == "odd_t"
    told = server.requests[1].body["messages"][-1]
    assert "***" in told["content"]
    assert "s3cr3t-key" not in told["content"]


@pytest.mark.parametrize("name", ["odd.*", "odd"])
def test_a_server_as_a_whole_is_no_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "cortex.toml").write_text(TOML)
    (tmp_path / "a.yaml").write_text(MANIFEST.replace("odd.t", f"'{name}'"))
    with pytest.raises(Exception, match=r"a.yaml:6:"):
        opened(tmp_path, "a.yaml")
