"""The health check of a tool: a command that says whether the tool can work."""

from collections.abc import Mapping
from pathlib import Path

import anyio

from cortex_cli.actions.process import run_process
from cortex_cli.actions.process_start import Launch, child_environment
from cortex_cli.errors import ActionError
from cortex_cli.manifest.command_line import arguments
from cortex_cli.manifest.tool_models import ScriptHealthCheck

CHECK_SECONDS = 30.0


async def check_tool_health(
    check: ScriptHealthCheck, folder: Path, environment: Mapping[str, str]
) -> None:
    """Run the command in the tool's folder; ActionError (`unhealthy`), with why, if it is not well.

    `environment` holds what is declared for the tool, resolved. What the command prints, on
    either stream, is looked through for what is expected of it.
    """
    launch = Launch(
        argv=arguments(check.command),
        env=child_environment({"PYTHONDONTWRITEBYTECODE": "1", **environment}),
        cwd=str(folder),
    )
    with anyio.move_on_after(CHECK_SECONDS):
        result = await run_process(launch, on_line=lambda _: None)
        code, expected = result.exit_code, check.expected_output_contains
        if code != check.expected_exit_code:
            last = f": {result.last_line}" if result.last_line else ""
            message = f"exit code {code}, not {check.expected_exit_code}{last}"
        elif expected is not None and expected not in result.text + result.stderr_tail:
            message = f"it did not print '{expected}'"
        else:
            return
        raise ActionError(message, error_type="unhealthy")
    message = f"no end within {CHECK_SECONDS:g} s"
    raise ActionError(message, error_type="unhealthy")
