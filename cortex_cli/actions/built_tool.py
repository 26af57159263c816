"""A tool that runs in a virtual environment of its own."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from cortex_cli.actions.virtual_environment import VirtualEnvironment
from cortex_cli.engine.cache import digest
from cortex_cli.engine.caching import fingerprint_of
from cortex_cli.engine.ports import ActionCall, Handler

VARIABLE = "VIRTUAL_ENV"
"""The variable by which a process finds its environment; a `python` tool runs on its Python."""


class BuiltTool:
    """Another handler, whose processes find the programs of an environment before all others."""

    def __init__(self, tool: Handler, environment: VirtualEnvironment) -> None:
        """The environment is made before the first attempt, if it is not there."""
        self._tool = tool
        self._environment = environment

    async def prepare(self, call: ActionCall) -> None:
        """Make the environment, unless it is there."""
        await self._environment.get(call.report)

    async def fingerprint(self, call: ActionCall) -> dict[str, str]:
        """The digests of the tool, of which its packages are part."""
        found = await fingerprint_of(self._tool, call)
        return {**found, "tool": digest([found["tool"], self._environment.folder.name])}

    async def run(self, call: ActionCall) -> Any:
        """Perform one attempt."""
        folder = await self._environment.get(call.report)
        return await self._tool.run(replace(call, env=variables_of(folder, call.env)))


def variables_of(folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of a process in an environment: its programs are found before all others."""
    path = variables.get("PATH") or os.environ.get("PATH") or os.defpath
    inside = {VARIABLE: str(folder), "PATH": os.pathsep.join((str(folder / "bin"), path))}
    return {**variables, **inside}
