"""Tools of type `script`: a runtime runs a file of the tool's folder."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cortex_cli.actions.local_tool import LocalTool, exit_error
from cortex_cli.actions.parameters import encoded
from cortex_cli.actions.tool_output import fields_of, one_line, script_output
from cortex_cli.engine.ports import ActionCall
from cortex_cli.errors import ActionError
from cortex_cli.manifest.tool_models import ScriptImplementation, ToolManifest

LONGEST_ARGUMENT = 100_000
_PYTHON = frozenset({"python", "python3"})
_SHELLS = frozenset({"sh", "bash", "dash", "ksh", "zsh"})


class ScriptTool:
    """A handler that gives the parameters as one JSON object and takes a JSON value, or text.

    The object is the first argument; over 100 KB, with secrets, or with `input: stdin`, standard
    input. A failure is an exit code other than 0 (`exit_status`), or an object with `"success": false`
    (`tool_error`); its message is the object's `error`, else the last line on standard error.
    """

    def __init__(
        self,
        manifest: ToolManifest,
        folder: Path,
        *,
        environment: Mapping[str, str],
        base: Path,
        grace_seconds: float = 5.0,
    ) -> None:
        """`base` is where a relative `cwd` of an action starts: its manifest's folder."""
        self._tool = LocalTool(
            manifest=manifest,
            folder=folder,
            environment=environment,
            base=base,
            grace_seconds=grace_seconds,
        )
        self._script = self._tool.implementation(ScriptImplementation)

    async def fingerprint(self, call: ActionCall) -> dict[str, str]:
        """The digests of the tool's files and variables."""
        return await self._tool.fingerprint(call)

    async def run(self, call: ActionCall) -> Any:
        """Perform one attempt."""
        parameters = self._tool.parameters(call)
        given = encoded(call.revealed(parameters))
        env = self._tool.variables(call)
        argv = [self._runtime(env.get("PATH")), *self._program()]
        is_argument = self._script.input == "argument" and len(given) <= LONGEST_ARGUMENT
        if is_argument and not call.has_secret(parameters):
            result = await self._tool.run(call, [*argv, given.decode()], env)
        else:
            result = await self._tool.run(call, argv, env, given)
        output = script_output(result.text)
        fields = fields_of(output)
        if result.exit_code:
            raise _said(call, fields, "exit_status") or exit_error(result)
        if fields.get("success") is False:
            last = result.last_line or "the tool reports a failure and no reason"
            raise _said(call, fields, "tool_error") or ActionError(last, error_type="tool_error")
        return output

    def _runtime(self, path: str | None) -> str:
        name = self._script.runtime
        if "/" in name:
            return str(self._tool.folder / name)
        found = shutil.which(name, path=path)
        if found is None and name in _PYTHON:
            found = sys.executable
        if found is None:
            message = f"runtime '{name}' was not found"
            hint = "install it, or put it on PATH"
            raise ActionError(message, error_type="not_found", retryable=False, hint=hint)
        return found

    def _program(self) -> list[str]:
        path = self._tool.folder / self._script.entrypoint
        if not path.is_file():
            message = f"entrypoint '{self._script.entrypoint}' is not in {self._tool.folder}"
            raise ActionError(message, error_type="not_found", retryable=False)
        if Path(self._script.runtime).name in _SHELLS and (text := _without_returns(path)):
            return ["-c", text, str(path)]
        return [str(path)]


def _without_returns(path: Path) -> str | None:
    """The text of a script for a shell with line ends of Windows, which shells stumble over.

    None for any other script, and for one too long to be an argument.
    """
    if path.stat().st_size > LONGEST_ARGUMENT:
        return None
    content = path.read_bytes()
    if b"\r\n" not in content:
        return None
    return os.fsdecode(content.replace(b"\r\n", b"\n"))


def _said(call: ActionCall, fields: Mapping[str, Any], error_type: str) -> ActionError | None:
    """The error that the tool itself has worded, if it has."""
    reason = fields.get("error")
    return ActionError(one_line(reason, call.masked), error_type=error_type) if reason else None
