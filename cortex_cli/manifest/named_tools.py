"""What the names under `tools` of an llm action mean in a file, and what is wrong with one."""

from collections.abc import Iterator

from msgspec.structs import replace

from cortex_cli.errors import Finding
from cortex_cli.ids import did_you_mean
from cortex_cli.kinds import ActionType
from cortex_cli.manifest.load import LoadedManifest
from cortex_cli.manifest.operations import relic_operations
from cortex_cli.manifest.relic_models import RelicManifest, RestInterface
from cortex_cli.manifest.scope import FileScope
from cortex_cli.manifest.wording import quoted
from cortex_cli.plan.named_tools import named_tools, readings_of
from cortex_cli.protocol.action import Action


def tools_of_model(scope: FileScope, action: Action) -> Iterator[LoadedManifest | Finding]:
    """What the model may call, or what is wrong with its name, whose path starts at the action."""
    written: list[object] = action.parameters.get("tools") or []
    for name in named_tools(action):
        found = _meant(scope, name)
        path = ("parameters", "tools", written.index(name))
        finding = _why_not(scope, action, name) if found is None else _nowhere(found)
        if found is not None:
            yield found
        if finding is not None:
            yield replace(finding, path=path)


def _meant(scope: FileScope, name: str) -> LoadedManifest | None:
    if name.endswith("*"):
        # What a server has is known only when it runs; what may be called is written down.
        return None
    for action_type, target, operation in readings_of(name):
        found = scope.find(action_type, target)
        if found is not None and (operation is None or operation in _operations(found)):
            return found
    return None


def _nowhere(loaded: LoadedManifest) -> Finding | None:
    """Why a relic that was found cannot be called, if it can't."""
    manifest = loaded.manifest
    if not isinstance(manifest, RelicManifest) or manifest.fallback is not None:
        return None
    interface = manifest.interface
    if not isinstance(interface, RestInterface) or interface.base_url:
        return None
    message = f"relic {quoted(manifest.name)} says no 'base_url', so it cannot be called"
    hint = "give its interface one, or say fallback: embedded"
    return Finding(code="no_base_url", message=message, hint=hint)


def _operations(loaded: LoadedManifest) -> list[str]:
    manifest = loaded.manifest
    is_relic = isinstance(manifest, RelicManifest)
    return [one.name for one in relic_operations(manifest)] if is_relic else []


def _why_not(scope: FileScope, action: Action, name: str) -> Finding | None:
    """Why a name means nothing; None if an error elsewhere has said it."""
    relic, _, operation = name.rpartition(".")
    found = scope.find(ActionType.RELIC, relic) if relic else None
    if found is not None:
        known = _operations(found)
        message = f"relic {quoted(relic)} has no operation {quoted(operation)}"
        hint = did_you_mean(operation, known) or f"it has {', '.join(map(quoted, known))}"
        return Finding(code="unknown_operation", message=message, hint=hint)
    calling = action.model_copy(update={"type": ActionType.TOOL, "target": name})
    finding = scope.why_not(calling)
    if finding is None or finding.code != "unknown_target":
        return finding
    message = f"the model of {quoted(action.id)} may call {quoted(name)}, which nothing imports"
    near = did_you_mean(name, scope.callable_names())
    return replace(finding, message=message, hint=near or finding.hint)
