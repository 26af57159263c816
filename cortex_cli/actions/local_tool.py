"""What the tools that run as processes have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cortex_cli.actions.fingerprint import folder_digest
from cortex_cli.actions.parameters import check_parameters
from cortex_cli.actions.process import ProcessLimits, ProcessResult
from cortex_cli.actions.process_family import RUN_ID_VARIABLE
from cortex_cli.actions.process_start import Launch, child_environment
from cortex_cli.actions.resource_limits import Caps, run_within
from cortex_cli.actions.sandbox import sandboxed
from cortex_cli.actions.tool_output import as_object, one_line
from cortex_cli.engine.cache import NotCacheableError, digest
from cortex_cli.engine.ports import ActionCall, Reporter
from cortex_cli.errors import ActionError
from cortex_cli.manifest.tool_models import ToolManifest

_Kind = TypeVar("_Kind")
_CORTEX = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalTool:
    """A tool that runs in a process of this machine.

    `folder` is the tool's own, and where it runs unless the action has a `cwd`; a relative `cwd`
    starts at `base`. `environment` holds the declared variables, resolved.
    """

    manifest: ToolManifest
    folder: Path
    environment: Mapping[str, str]
    base: Path
    grace_seconds: float

    def implementation(self, kind: type[_Kind]) -> _Kind:
        """The manifest's implementation, which must be of this kind."""
        implementation = self.manifest.implementation
        if not isinstance(implementation, kind):
            message = f"tool '{self.manifest.name}' is of type '{implementation.type}'"
            raise TypeError(message)
        return implementation

    def parameters(self, call: ActionCall) -> dict[str, Any]:
        """The call's parameters, checked; its operation, if any, is one of them."""
        operation = call.action.operation
        chosen = {} if operation is None else {"operation": operation}
        return check_parameters(self.manifest, {**chosen, **call.parameters})

    def variables(self, call: ActionCall) -> dict[str, str]:
        """The whole environment of the call's process."""
        return child_environment(
            {
                # A checkout stays as it is, and one that can't be written to is as good.
                "PYTHONDONTWRITEBYTECODE": "1",
                **self.environment,
                **call.env,
                RUN_ID_VARIABLE: call.execution_id,
                **({} if call.run_dir is None else {"CORTEX_RUN_DIR": str(call.run_dir)}),
                "CORTEX_ACTION_ID": "/".join((*call.path, call.action.id)),
                "CORTEX_ATTEMPT": str(call.attempt),
                "CORTEX_IDEMPOTENCY_KEY": call.idempotency_key,
            }
        )

    async def fingerprint(self, call: ActionCall, program: object = None) -> dict[str, str]:
        """The digests of its files and its variables; `program` is what runs them, if known."""
        from anyio import to_thread

        if call.has_secret(self.environment):
            message = "it is given a secret"
            raise NotCacheableError(message)
        files = await to_thread.run_sync(folder_digest, self.folder)
        # Its own folder may be anywhere: what is in it counts.
        place = None if call.cwd is None else str(self._working_folder(call).absolute())
        return {
            "tool": digest([self.manifest.model_dump(mode="json"), files, program]),
            "environment": digest([self.environment, place]),
        }

    async def run(
        self, call: ActionCall, argv: Sequence[str], env: Mapping[str, str], stdin: bytes = b""
    ) -> ProcessResult:
        """Run the call's process; its lines on standard error are progress.

        Secrets reach it in its variables and on standard input only.
        """
        folder, opened = self._working_folder(call), call.revealed(dict(env))
        launch = Launch(
            argv=self._confined(argv, folder, call, env), env=opened, cwd=str(folder), stdin=stdin
        )
        result = await run_within(
            Caps.of(self.manifest),
            launch,
            on_line=lambda line: _report_line(call.report, line),
            limits=ProcessLimits(grace_seconds=self.grace_seconds),
            masker=call.masker,
        )
        if result.stdout_is_cut:
            call.report.warn(f"its output of {result.stdout_size:,} bytes was cut")
        if result.left_behind:
            call.report.warn("it left processes running, which were ended")
        return result

    def _confined(
        self, argv: Sequence[str], folder: Path, call: ActionCall, env: Mapping[str, str]
    ) -> Sequence[str]:
        """The arguments that run a program in the sandbox that the manifest asks for."""
        if self.manifest.sandbox == "none":
            return argv
        built = env.get("VIRTUAL_ENV")
        return sandboxed(
            argv,
            cwd=folder.absolute(),
            readable=[self.folder.absolute(), _CORTEX, *([Path(built)] if built else [])],
            writable=[
                path.absolute()
                for path in (None if call.cwd is None else folder, call.run_dir)
                if path is not None
            ],
        )

    def _working_folder(self, call: ActionCall) -> Path:
        return self.folder if call.cwd is None else self.base / call.cwd


def exit_error(result: ProcessResult) -> ActionError:
    """The error for an exit code that is not 0, with the last line on standard error."""
    reason = f": {one_line(result.last_line)}" if result.last_line else ""
    return ActionError(f"exit code {result.exit_code}{reason}", error_type="exit_status")


def _report_line(report: Reporter, line: str) -> None:
    said = as_object(line)
    fraction, message = said.get("progress"), said.get("message")
    if not _is_fraction(fraction):
        fraction = None
    if not isinstance(message, str):
        message = "" if fraction is not None else line
    report.progress(message, fraction=fraction)


def _is_fraction(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
