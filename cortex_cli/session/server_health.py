"""Whether the MCP servers that `cortex.toml` declares answer."""

import json
from collections import Counter
from dataclasses import replace

from cortex_cli.errors import CortexError
from cortex_cli.manifest.paths import root_of
from cortex_cli.session.diagnosis import Check
from cortex_cli.session.listing import ALL, list_tools
from cortex_cli.session.session import Request, Session
from cortex_cli.settings import load_settings


async def check_servers(request: Request) -> list[Check]:
    """A check for each server that is declared for the root of the request.

    Each is started for it, and ended. The source of the request is not looked at.
    """
    cwd = request.cwd.resolve()
    root = root_of(cwd, root=request.root, cwd=cwd)
    try:
        names = list(load_settings(request.environ, root).mcp.servers)
    except CortexError as error:
        return [Check(name="servers", status="error", found=str(error))]
    if not names:
        return []
    agent = {"kind": "Agent", "name": "doctor", "import": {"mcp": names}}
    asked = replace(request, source=json.dumps(agent).encode(), root=root)
    tools = await list_tools(Session.open(asked).program, asked)
    found = Counter(tool.name.partition(".")[0] for tool in tools)
    wrong = {tool.name.partition(".")[0]: tool for tool in reversed(tools) if tool.problem}
    checks: list[Check] = []
    for name in names:
        bad = wrong.get(name)
        if bad is None:
            said = f"answers, and has {found[name]} tools"
            checks.append(Check(name=f"server {name}", status="ok", found=said))
            continue
        status = "error" if bad.name == f"{name}.{ALL}" else "note"
        checks.append(Check(name=f"server {name}", status=status, found=bad.problem or ""))
    return checks
