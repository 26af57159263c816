"""Where secrets are taken from: a variable of the environment, a file, the output of a command."""

from collections.abc import Mapping
from pathlib import Path

from cortex_cli.errors import ActionError, ManifestError, SetupError
from cortex_cli.manifest.files import read_bytes
from cortex_cli.plan.references import find
from cortex_cli.session.secret_needs import Need

MOST_BYTES = 16 * 1024
"""What is larger is refused: each part of a secret is looked for in everything."""

COMMAND_SECONDS = 30.0


async def read_secret(need: Need, ambient: Mapping[str, str]) -> str:
    """The secret, without line ends behind it; SetupError, with the way out, if there is none.

    A file is a regular one; its path is absolute, begins with `~/`, or is relative to the
    manifest. A command is an argument list that runs in the manifest's folder, with the
    environment that tools have, for 30 seconds at most.
    """
    declared = need.declared
    if declared.env is not None:
        return _from_environment(need, declared.env, ambient)
    if declared.file is not None:
        return _text(need, _from_file(need, declared.file, ambient))
    return _text(need, await _from_command(need, declared.command or (), ambient))


def refusal(need: Need, why: str, hint: str) -> SetupError:
    """The error for a secret that cannot be used."""
    return SetupError(f"the secret '{need.name}' of {need.owner.file} {why}", hint=hint)


def _from_environment(need: Need, name: str, ambient: Mapping[str, str]) -> str:
    value = ambient.get(name)
    if value is None:
        why = f"is taken from the environment variable {name}, which is not set"
        raise refusal(need, why, f"set it before you run: export {name}=…")
    return value


def _from_file(need: Need, written: str, ambient: Mapping[str, str]) -> bytes:
    home = ambient.get("HOME")
    is_at_home = written.startswith("~/") and home is not None
    path = Path(home or "", written[2:]) if is_at_home else need.owner.folder / written
    try:
        return read_bytes(path, written, MOST_BYTES)
    except ManifestError as error:
        why = f"is taken from the file '{written}': {error.problems[0].message}"
        raise refusal(need, why, f"it was looked for as {path}") from error


async def _from_command(need: Need, argv: tuple[str, ...], ambient: Mapping[str, str]) -> bytes:
    import anyio

    from cortex_cli.actions.process import ProcessLimits, run_process
    from cortex_cli.actions.process_start import Launch, child_environment
    from cortex_cli.engine.context import declared

    # A variable that is made of a secret can't be had before the secret.
    plain = {
        name: text
        for name, text in need.owner.variables.items()
        if all(reference.root != "secrets" for _, reference in find(text))
    }
    env = child_environment(declared(plain, ambient))
    launch = Launch(argv=argv, env=env, cwd=str(need.owner.folder))
    said = ["it said nothing"]
    why = f"is taken from the command {argv[:1]}"
    try:
        with anyio.fail_after(COMMAND_SECONDS):
            result = await run_process(
                launch,
                on_line=said.append,
                limits=ProcessLimits(stdout_bytes=2 * MOST_BYTES, grace_seconds=1.0),
            )
    except TimeoutError as error:
        why += f", which took longer than {COMMAND_SECONDS:g} s"
        raise refusal(need, why, "it must not wait for anyone") from error
    except ActionError as error:
        raise refusal(need, f"{why}: {error}", "run the command by hand") from error
    if result.exit_code:
        why += f", which ended with exit code {result.exit_code}: {said[-1]}"
        raise refusal(need, why, "run the command by hand")
    return result.stdout


def _text(need: Need, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise refusal(need, "is not UTF-8", "keep it as base64") from error
