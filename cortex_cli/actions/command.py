"""Tools of type `command`: a program with arguments, or a line for the shell."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cortex_cli.actions.command_check import command_findings, variable_name
from cortex_cli.actions.local_tool import LocalTool, exit_error
from cortex_cli.actions.parameters import encoded
from cortex_cli.actions.tool_output import command_output
from cortex_cli.engine.ports import ActionCall
from cortex_cli.errors import ActionError
from cortex_cli.manifest.tool_models import CommandImplementation, ToolManifest
from cortex_cli.plan.references import MISSING, Lookup, resolve, walk

_SHELL = ("/bin/sh", "-c")


class CommandTool:
    """A handler that runs an argv list; its standard output is JSON as a whole, or text.

    Each element stays one argument, whatever its references bring in: a string as it is, null as
    an empty argument, anything else as compact JSON. With `shell: true` the parameters are
    environment variables instead (`INPUT_` and the name in capitals); one that is null is not
    set. An exit code other than 0 is a failure (`exit_status`).
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
        self._command = self._tool.implementation(CommandImplementation)

    async def fingerprint(self, call: ActionCall) -> dict[str, str]:
        """The digests of the tool's files and variables."""
        return await self._tool.fingerprint(call)

    async def run(self, call: ActionCall) -> Any:
        """Perform one attempt."""
        declared = [parameter.name for parameter in self._tool.manifest.parameters or ()]
        parameters = {**dict.fromkeys(declared), **self._tool.parameters(call)}
        env = self._tool.variables(call)
        self._check(parameters, env)
        if isinstance(self._command.command, str):
            argv = [*_SHELL, self._command.command]
            env |= _as_variables(call.revealed(parameters))
        else:
            lookup = self._lookup(call, parameters, env)
            argv = [self._argument(call, part, lookup) for part in self._command.command]
        result = await self._tool.run(call, argv, env)
        if result.exit_code:
            raise exit_error(result)
        return command_output(result.text)

    def _argument(self, call: ActionCall, part: str, lookup: Lookup) -> str:
        value = resolve(part, lookup)
        if value != part and call.has_secret(value):
            message = (
                f"'{part}' would put a secret into the arguments of a process, for all to read"
            )
            hint = "give it as a variable, with 'env' or the tool's 'environment'"
            raise ActionError(message, error_type="secret", retryable=False, hint=hint)
        return _text(value)

    def _check(self, parameters: Mapping[str, Any], env: Mapping[str, str]) -> None:
        names = env.keys() | os.environ.keys()
        for found in command_findings(self._command, parameters=parameters.keys(), names=names):
            raise ActionError(
                found.message, error_type=found.code, retryable=False, hint=found.hint
            )

    def _lookup(
        self, call: ActionCall, parameters: Mapping[str, Any], env: Mapping[str, str]
    ) -> Lookup:
        roots = {
            "inputs": parameters,
            "env": self._tool.environment,
            "run": {"id": call.execution_id, "dir": call.run_dir and str(call.run_dir)},
        }

        def lookup(root: str, path: tuple[str | int, ...]) -> Any:
            for names in (roots, parameters, env, os.environ):
                if root in names:
                    return walk(names[root], path)
            return MISSING

        return lookup


def _as_variables(parameters: Mapping[str, Any]) -> dict[str, str]:
    return {
        variable_name(name): _text(value) for name, value in parameters.items() if value is not None
    }


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else encoded(value).decode()
