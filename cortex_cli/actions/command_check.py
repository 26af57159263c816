"""What is wrong with the command of a tool, found before it runs."""

import os
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from cortex_cli.errors import Finding
from cortex_cli.ids import did_you_mean
from cortex_cli.manifest.tool_models import CommandImplementation, ToolManifest
from cortex_cli.plan import references
from cortex_cli.plan.templates import Reference, ReferenceSyntaxError, read_reference

ROOTS = frozenset({"inputs", "env", "run"})

_OPEN = frozenset({"unknown_reference", "unknown_inputs"})
_PLACE = ("implementation", "command")
# In a line for the shell, where `$index` may well be the shell's own, these are never its.
_NEVER_SHELL = frozenset({"inputs", "trigger", "steps", "secrets"})
_PATHS_NEVER_SHELL = _NEVER_SHELL | {"env", "run", "item", "index"}


def check_command(manifest: ToolManifest) -> list[Finding]:
    """The problems of a tool's command that show before any call; none for other tools.

    The names that references use are checked where the tool declares its parameters; without a
    declaration it may be given any.
    """
    command = manifest.implementation
    if not isinstance(command, CommandImplementation):
        return []
    declared = frozenset(parameter.name for parameter in manifest.parameters or ())
    names = declared | manifest.environment.variables.keys() | os.environ.keys()
    found = command_findings(command, parameters=declared, names=names)
    is_open = manifest.parameters is None
    return [finding for finding in found if not (is_open and finding.code in _OPEN)]


def command_findings(
    command: CommandImplementation, *, parameters: AbstractSet[str], names: AbstractSet[str]
) -> Iterator[Finding]:
    """The problems of a command that can name these parameters, and these names besides."""
    match command.command:
        case str() as line if command.shell:
            yield from _in_shell(line, parameters)
        case str() as line:
            hint = f"write command: {[*line.split()]!r:.200}, or set 'shell: true'"
            yield _finding("command_form", "a command is a list of arguments", hint)
        case _ if command.shell:
            hint = "write it as one text, or leave out 'shell'"
            yield _finding("command_form", "the command of 'shell: true' is one text", hint)
        case parts:
            yield from _in_arguments(parts, parameters, names | parameters | ROOTS)


def variable_name(parameter: str) -> str:
    """The environment variable by which a line for the shell takes a parameter."""
    letters = (letter if letter.isalnum() and letter.isascii() else "_" for letter in parameter)
    return f"INPUT_{''.join(letters).upper()}"


def _in_shell(line: str, parameters: AbstractSet[str]) -> Iterator[Finding]:
    position = 0
    while (position := line.find("$", position)) >= 0:
        if line.startswith("$$", position):
            position += 2
            continue
        reference = _reference_at(line, position)
        if reference is not None and not _is_shell(reference, parameters):
            yield _shell_finding(reference, parameters)
        position += 1


def _reference_at(line: str, position: int) -> Reference | None:
    try:
        return read_reference(line, position)
    except ReferenceSyntaxError:
        return None


def _is_shell(reference: Reference, parameters: AbstractSet[str]) -> bool:
    """Whether what reads like a reference is the shell's own: a variable, a command."""
    if not reference.path:
        return reference.root not in parameters | _NEVER_SHELL
    return reference.text.startswith("$(") and (
        reference.root not in parameters | _PATHS_NEVER_SHELL
    )


def _shell_finding(reference: Reference, parameters: AbstractSet[str]) -> Finding:
    message = f"a line for the shell cannot hold the reference {reference.text}"
    is_input = reference.root == "inputs" and reference.path
    name = str(reference.path[0]) if is_input else reference.root
    hint = "give it to the action as a variable, with 'env'"
    if name in parameters:
        hint = f'use the environment: write "${variable_name(name)}"'
    return _finding("shell_reference", message, hint)


def _in_arguments(
    parts: Sequence[str], parameters: AbstractSet[str], names: AbstractSet[str]
) -> Iterator[Finding]:
    listed = list(parts)
    for path, error in references.errors(listed):
        yield _finding("reference_syntax", str(error), None, path)
    for path, reference in references.find(listed):
        root, *rest = reference.root, *reference.path
        if root == "secrets":
            message = "a secret cannot go into the arguments of a process, which all can read"
            hint = (
                f"give it as a variable: environment: {{variables: {{NAME: '{reference.text}'}}}}"
            )
            yield _finding("secret_argument", message, hint, path)
        elif root not in names and reference.default is None:
            message = f"nothing provides '{root}' to the command"
            hint = did_you_mean(root, sorted({*parameters, *ROOTS}))
            yield _finding("unknown_reference", message, hint, path)
        elif root == "inputs" and rest and rest[0] not in parameters:
            message = f"'inputs.{rest[0]}' is no parameter of the tool"
            hint = did_you_mean(str(rest[0]), sorted(parameters))
            yield _finding("unknown_inputs", message, hint, path)


def _finding(
    code: str, message: str, hint: str | None, path: tuple[str | int, ...] = ()
) -> Finding:
    return Finding(code=code, message=message, hint=hint, path=(*_PLACE, *path))
