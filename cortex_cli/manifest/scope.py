"""What the targets of a file's actions mean, and why one means nothing."""

from cortex_cli.errors import Finding
from cortex_cli.ids import did_you_mean
from cortex_cli.kinds import ActionType, ManifestKind
from cortex_cli.manifest.library import Library
from cortex_cli.manifest.load import LoadedManifest
from cortex_cli.manifest.resolve import IMPORT_KEYS
from cortex_cli.manifest.wording import listed, quoted
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.fetch import Fetch

KINDS = {
    ActionType.TOOL: ManifestKind.TOOL,
    ActionType.RELIC: ManifestKind.RELIC,
    ActionType.AGENT: ManifestKind.AGENT,
    ActionType.WORKFLOW: ManifestKind.WORKFLOW,
}
"""The types of actions that call a manifest, and the kind of that."""

_FEW = 12


class FileScope:
    """The names of targets in one file, as its actions use them."""

    def __init__(self, library: Library, loaded: LoadedManifest) -> None:
        self._library = library
        self._loaded = loaded
        self._found: dict[tuple[ActionType, str], LoadedManifest | None] = {}

    def find(self, action_type: ActionType, target: str) -> LoadedManifest | None:
        """The manifest that a target of a type means, if there is one."""
        key = (action_type, target)
        if key not in self._found:
            kind = KINDS.get(action_type)
            found = self._library.find(self._loaded, kind, target) if kind else None
            self._found[key] = found
        return self._found[key]

    def callable_names(self) -> list[str]:
        """The names of all that actions here can call."""
        return [name for _, name in self._library.names(self._loaded)]

    def why_not(self, action: Action) -> Finding | None:
        """Why the target of an action is not found; None if an error elsewhere has said it."""
        kind = KINDS[action.type]
        target = action.target or ""
        who = "feed" if isinstance(action, Fetch) else "action"
        calls = f"{who} {quoted(action.id)} calls {action.type.value} {quoted(target)}"
        unresolved = self._library.unresolved(self._loaded, kind)
        if any(missing.is_told for missing in unresolved):
            return None
        behind = next((missing for missing in unresolved if missing.may_be(target)), None)
        if behind is not None:
            message = f"{calls}, but the import {quoted(behind.text)} was not found"
            hint = None if behind.meant is None else f"did you mean '{behind.meant}'?"
            return Finding(code="missing_import", message=message, hint=hint, path=("target",))
        names = self._library.names(self._loaded)
        others = [other for other, name in names if name == target]
        if others:
            message = f"{calls}, which is {_of_kind(others[0])}"
            hint = f"write type: {others[0].value.lower()}"
            return Finding(code="wrong_target", message=message, hint=hint, path=("target",))
        known = [name for other, name in names if other is kind]
        message = f"{calls}, which nothing imports"
        servers = self._library.server_names(self._loaded) if kind is ManifestKind.TOOL else []
        server = target.partition(".")[0]
        if servers and (server in servers or "." in target):
            hint = f"write '{server}.TOOL'" if server in servers else did_you_mean(server, servers)
            hint = hint or f"the servers imported here are {listed(servers[:_FEW], 'and')}"
            return Finding(code="unknown_target", message=message, hint=hint, path=("target",))
        hint = did_you_mean(target, known) or _imported(kind, known)
        return Finding(code="unknown_target", message=message, hint=hint, path=("target",))


def _of_kind(kind: ManifestKind) -> str:
    return f"{'an' if kind is ManifestKind.AGENT else 'a'} {kind.value.lower()}"


def _imported(kind: ManifestKind, known: list[str]) -> str:
    key = IMPORT_KEYS[kind]
    if not known:
        return f"list its file under 'import.{key}'"
    return f"the {key} imported here are {listed(known[:_FEW], 'and')}"
