"""What a plan that a model writes for a manifest may call."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cortex_cli.errors import ActionError
from cortex_cli.kinds import ActionType, ManifestKind
from cortex_cli.manifest.operations import (
    Operation,
    Parameter,
    relic_operations,
    tool_operation,
)
from cortex_cli.manifest.parameter_schema import object_schema
from cortex_cli.manifest.program import Program, RelicTarget, Target, ToolTarget
from cortex_cli.manifest.relic_models import RelicManifest, RestInterface
from cortex_cli.plan.named_tools import readings_of
from cortex_cli.protocol.offers import Offer

MODEL = Offer(
    type=ActionType.LLM,
    target="default",
    description="Asks a language model; its answer, a text, is the output.",
    parameters={
        "type": "object",
        "properties": {
            "prompt": {"type": "string", "description": "What it is asked"},
            "text": {"type": ["string", "null"], "description": "A text that the prompt is about"},
        },
        "required": ["prompt"],
    },
)

_LONGEST_DESCRIPTION = 500
_GOAL = {"type": "string", "description": "What it is to reach"}


def offers_of(program: Program) -> tuple[Offer, ...]:
    """What the manifest imports itself, in its order, then the model.

    Raises ManifestError if something that is imported has errors.
    """
    imported = (offer for target in program.targets() for offer in _offers(target))
    return (*imported, MODEL)


def offers_named(
    program: Program, names: Sequence[str], pinned: Iterable[Offer] = ()
) -> tuple[Offer, ...]:
    """What the names under `tools` of an llm action mean in a program.

    `pinned` says more of the tools of MCP servers than manifests do. ActionError for a name that
    means nothing there, ManifestError if what it means has errors.
    """
    known = {one.target: one for one in pinned}
    found = (
        offer
        for name in names
        for offer in ([known[name]] if name in known else _named(program, name))
    )
    return tuple({(one.type, one.target, one.operation): one for one in found}.values())


def _named(program: Program, name: str) -> list[Offer]:
    for action_type, called, operation in readings_of(name):
        target = program.lookup(action_type, called)
        offers = [] if target is None else list(_offers(target))
        found = [one for one in offers if operation is None or operation == one.operation]
        if found:
            return found
    message = f"nothing is called '{name}' that a model could call"
    raise ActionError(message, error_type="not_found", retryable=False)


def _offers(target: Target) -> Iterator[Offer]:
    match target:
        case ToolTarget(manifest=manifest):
            operation = tool_operation(manifest)
            yield Offer(
                type=ActionType.TOOL,
                target=manifest.name,
                description=_on_one_line(operation.description),
                parameters=object_schema(operation.parameters),
                effect=manifest.effect,
            )
        case RelicTarget(manifest=manifest):
            yield from _of_relic(manifest)
        case Program():
            yield _of_program(target)


def _of_relic(manifest: RelicManifest) -> Iterator[Offer]:
    interface = manifest.interface
    is_service = isinstance(interface, RestInterface) and not interface.base_url
    if is_service and manifest.fallback is None:
        # It cannot be called.
        return
    about = manifest.description or manifest.summary
    for operation in relic_operations(manifest):
        yield Offer(
            type=ActionType.RELIC,
            target=manifest.name,
            operation=operation.name,
            description=_on_one_line(_both(about, operation)),
            parameters=object_schema(operation.parameters),
        )


def _both(about: str, operation: Operation) -> str:
    return ": ".join(text for text in (about, operation.description) if text)


def _of_program(program: Program) -> Offer:
    manifest = program.manifest
    schema = object_schema(_inputs(program))
    is_agent = program.kind is ManifestKind.AGENT
    if is_agent and program.plan is None:
        _add_goal(schema, is_required=program.goal is None)
    return Offer(
        type=ActionType.AGENT if is_agent else ActionType.WORKFLOW,
        target=program.name,
        description=_on_one_line(manifest.description or manifest.summary or program.goal or ""),
        parameters=schema,
    )


def _inputs(program: Program) -> dict[str, Parameter] | None:
    declared = program.inputs.declared
    if declared is None:
        return None
    return {name: Parameter(one, one.is_required) for name, one in declared.items()}


def _add_goal(schema: dict[str, Any], *, is_required: bool) -> None:
    """An agent without a plan takes its goal as one of its parameters."""
    schema.setdefault("properties", {}).setdefault("goal", _GOAL)
    if is_required:
        schema["required"] = [*dict.fromkeys([*schema.get("required", ()), "goal"])]


def _on_one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_DESCRIPTION else f"{line[:_LONGEST_DESCRIPTION]}…"
