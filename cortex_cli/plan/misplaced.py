"""References to secrets where no secret may go: into prompts, and into what is an output."""

from collections.abc import Iterator, Mapping

from cortex_cli.errors import Finding
from cortex_cli.kinds import ActionType
from cortex_cli.plan.paths import Path
from cortex_cli.plan.references import find
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.plan import OutputDeclaration

_FOR_OUTPUTS = "name it where it is used: outputs are shown and kept"
_FOR_PROMPTS = "give it to the tool that the model's answer goes to"


def misplaced_secrets(action: Action) -> Iterator[tuple[Path, str, str]]:
    """The places in an action, each with what is wrong and the way out."""
    match action.type:
        case ActionType.LLM:
            message = f"the prompt of '{action.id}' cannot hold a secret"
            yield from _in(("parameters",), action.parameters, message, _FOR_PROMPTS)
        case ActionType.INTERNAL:
            message = f"'{action.id}' cannot hold a secret: its parameters are its output"
            yield from _in(("parameters",), action.parameters, message, _FOR_OUTPUTS)
        case ActionType.DECISION:
            message = f"the value of decision '{action.id}' cannot be a secret"
            for number, case in enumerate(action.cases):
                yield from _in(("cases", number, "value"), case.value, message, _FOR_OUTPUTS)
            if action.default is not None:
                value = action.default.value
                yield from _in(("default", "value"), value, message, _FOR_OUTPUTS)
        case _:
            return


def secrets_in_outputs(outputs: Mapping[str, OutputDeclaration]) -> Iterator[Finding]:
    """An error for each output whose source is a secret, or holds one."""
    for name, output in outputs.items():
        message = f"the output '{name}' cannot hold a secret"
        place = ("outputs", name, "source")
        for path, told, hint in _in(place, output.source, message, _FOR_OUTPUTS):
            yield Finding(code="misplaced_secret", message=told, hint=hint, path=path)


def _in(place: Path, value: object, message: str, hint: str) -> Iterator[tuple[Path, str, str]]:
    for path, reference in find(value):
        if reference.root == "secrets":
            yield (*place, *path), message, hint
