"""Imports that nothing calls."""

from collections.abc import Iterator

from cortex_cli.errors import Finding, Problem
from cortex_cli.kinds import ActionType, Severity
from cortex_cli.manifest.library import Library
from cortex_cli.manifest.load import LoadedManifest
from cortex_cli.manifest.locate import to_problems
from cortex_cli.manifest.models import AgentManifest, WorkflowManifest
from cortex_cli.manifest.named_tools import tools_of_model
from cortex_cli.manifest.scope import FileScope
from cortex_cli.manifest.wording import quoted
from cortex_cli.protocol.action import Action

_Called = tuple[ActionType, str]


def unused_imports(library: Library) -> Iterator[Problem]:
    """A note on each import of a plan that no file calls which could.

    A model that makes a plan may call all that it sees, so that counts as called.
    """
    if len(library.files()) == 1:
        return
    used = {found for loaded in library.files() for found in _used(library, loaded)}
    for loaded in library.files():
        if _plan(loaded) is None:
            continue
        for imported in library.imports(loaded):
            if imported not in used:
                yield _note(library, loaded, imported)


def _plan(loaded: LoadedManifest) -> tuple[Action, ...] | None:
    """The written plan of an agent or workflow, without defaults, which call nothing."""
    match loaded.manifest:
        case AgentManifest(actions=actions):
            return actions
        case WorkflowManifest(steps=None, actions=actions):
            return actions
        case WorkflowManifest(steps=steps):
            return steps
        case _:
            return None


def _used(library: Library, loaded: LoadedManifest) -> Iterator[LoadedManifest]:
    manifest = loaded.manifest
    if not isinstance(manifest, AgentManifest | WorkflowManifest):
        return
    actions = _plan(loaded)
    if actions is None:
        yield from library.seen_from(loaded)
        return
    scope = FileScope(library, loaded)
    called = dict.fromkeys(_called(manifest, actions))
    yield from (found for one in called if (found := scope.find(*one)) is not None)
    for action in actions:
        named = tools_of_model(scope, action)
        yield from (found for found in named if not isinstance(found, Finding))


def _called(
    manifest: AgentManifest | WorkflowManifest, actions: tuple[Action, ...]
) -> Iterator[_Called]:
    for action in actions:
        yield action.type, action.target or ""
        for target in action.fallback:
            yield action.type, target
    for feed in manifest.context_feeds if isinstance(manifest, AgentManifest) else ():
        if feed.source.type in set(ActionType):
            yield ActionType(feed.source.type), feed.source.name or ""


def _note(library: Library, loaded: LoadedManifest, imported: LoadedManifest) -> Problem:
    manifest = imported.manifest
    name = manifest.name if manifest else ""
    kind = imported.kind.value.lower()
    message = f"nothing calls the {kind} {quoted(name)}, which is imported here"
    finding = Finding(
        severity=Severity.NOTE,
        code="unused_import",
        message=message,
        hint="leave the import out",
        path=library.place(loaded, imported),
    )
    return to_problems([finding], loaded.document)[0]
