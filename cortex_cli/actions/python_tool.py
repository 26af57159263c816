"""Tools of type `python`: a function, called in a worker process."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from cortex_cli.actions.local_tool import LocalTool, exit_error
from cortex_cli.actions.parameters import encoded
from cortex_cli.actions.process import ProcessResult
from cortex_cli.actions.tool_output import one_line
from cortex_cli.engine.ports import ActionCall
from cortex_cli.errors import ActionError
from cortex_cli.manifest.tool_models import PythonImplementation, ToolManifest

_WORKER = Path(__file__).with_name("python_worker.py")
_NOT_RETRYABLE = frozenset({"entrypoint", "parameters", "output"})


class _Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    output: Any = None
    error: str | None = None
    kind: str = ""


class PythonTool:
    """A handler that calls `module:function`, sync or async, with the parameters by name.

    The module is looked for in the tool's folder, then where the interpreter finds its own, which
    is that of the environment in `VIRTUAL_ENV` if there is one, else cortex's. Its
    type hints check the parameters (`parameters`). An exception is a failure, with its type as
    the error's; so is a result that is not JSON (`output`). What the function prints is progress.
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
        self._entrypoint = self._tool.implementation(PythonImplementation).entrypoint

    async def fingerprint(self, call: ActionCall) -> dict[str, str]:
        """The digests of the tool's files and variables."""
        return await self._tool.fingerprint(call, sys.version)

    async def run(self, call: ActionCall) -> Any:
        """Perform one attempt."""
        given = {
            "folder": str(self._tool.folder.absolute()),
            "entrypoint": self._entrypoint,
            "parameters": self._tool.parameters(call),
        }
        env = self._tool.variables(call)
        built = env.get("VIRTUAL_ENV")
        python = str(Path(built) / "bin" / "python") if built else sys.executable
        argv = [python, "-X", "utf8", str(_WORKER)]
        answer = self._read(await self._tool.run(call, argv, env, encoded(call.revealed(given))))
        if answer.error is not None:
            raise ActionError(
                one_line(answer.error, call.masked),
                error_type=answer.kind,
                retryable=answer.kind not in _NOT_RETRYABLE,
            )
        return answer.output

    def _read(self, result: ProcessResult) -> _Answer:
        if not result.stdout:
            ended = exit_error(result)
            message = f"{self._entrypoint} ended its process before it returned: {ended}"
            raise ActionError(message, error_type="exit_status")
        try:
            return msgspec.json.decode(result.stdout, type=_Answer)
        except (msgspec.DecodeError, RecursionError) as error:
            size = f"{result.stdout_size:,} bytes"
            why = f"cannot be read: {error}"
            if result.stdout_is_cut:
                why = "is too large; have it write a file, and return its path"
            message = f"what {self._entrypoint} returned ({size} of JSON) {why}"
            raise ActionError(message, error_type="output", retryable=False) from error
