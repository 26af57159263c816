"""The actions of a file as its plan has them: defaults filled in, targets found, calls checked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from msgspec.structs import replace

from cortex_cli.errors import Finding
from cortex_cli.kinds import ActionMode
from cortex_cli.manifest.calls import Calls, calls_of
from cortex_cli.manifest.load import LoadedManifest
from cortex_cli.manifest.models import AgentManifest, WorkflowManifest
from cortex_cli.manifest.named_tools import tools_of_model
from cortex_cli.manifest.scope import KINDS, FileScope
from cortex_cli.manifest.source import MOST_PROBLEMS
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.fetch import Fetch

PlanKey = Literal["actions", "steps"]


@dataclass(slots=True)
class CallsByFile:
    """What the tools and relics of a library say about calls, each made once."""

    _known: dict[LoadedManifest, Calls | None] = field(
        default_factory=dict[LoadedManifest, Calls | None]
    )

    def of(self, loaded: LoadedManifest) -> Calls | None:
        """The calls of the tool or relic in a file; None if it holds neither."""
        if loaded not in self._known:
            self._known[loaded] = calls_of(loaded.manifest) if loaded.manifest else None
        return self._known[loaded]


@dataclass(slots=True)
class Binding:
    """The actions of one file, bound to what they call.

    `findings` is what is wrong, with paths in the document; `called` are the manifests that the
    actions call, each once, in the order of the first call.
    """

    scope: FileScope
    calls: CallsByFile
    key: PlanKey
    findings: list[Finding] = field(default_factory=list[Finding])
    called: dict[LoadedManifest, None] = field(default_factory=dict[LoadedManifest, None])

    def bind(self, actions: Sequence[Action]) -> tuple[Action, ...]:
        """The actions with what their targets add to them."""
        written = count()
        return tuple(
            self._bound(None if isinstance(action, Fetch) else next(written), action)
            for action in actions
        )

    def _bound(self, number: int | None, action: Action) -> Action:
        if action.is_conversation:
            self._report(number, action, self._named(action))
        if action.type not in KINDS:
            return action
        found = self.scope.find(action.type, action.target or "")
        if found is None:
            self._report(number, action, self._why_not(action))
            return action
        self.called[found] = None
        self._check_fallback(number, action)
        calls = self.calls.of(found)
        if calls is None:
            return action
        self._report(number, action, calls.findings(action))
        return calls.adapted(action)

    def _named(self, action: Action) -> Iterator[Finding]:
        """What is wrong with the names of what its model may call; the others are called."""
        for found in tools_of_model(self.scope, action):
            if isinstance(found, Finding):
                yield found
            else:
                self.called[found] = None

    def _check_fallback(self, number: int | None, action: Action) -> None:
        for place, target in enumerate(action.fallback):
            other = action.model_copy(update={"target": target, "fallback": ()})
            found = self.scope.find(action.type, target)
            if found is not None:
                self.called[found] = None
            else:
                self._report(number, action, self._why_not(other, ("fallback", place)))

    def _why_not(
        self, action: Action, path: tuple[str | int, ...] = ("target",)
    ) -> Iterator[Finding]:
        finding = self.scope.why_not(action)
        if finding is not None:
            yield replace(finding, path=path)

    def _report(self, number: int | None, action: Action, findings: Iterator[Finding]) -> None:
        # Nothing more is looked for once there are too many: looking for hints takes time.
        while len(self.findings) <= MOST_PROBLEMS:
            finding = next(findings, None)
            if finding is None:
                return
            if len(self.findings) == MOST_PROBLEMS:
                message = f"there are more problems with calls: {MOST_PROBLEMS} are told"
                self.findings.append(Finding(code="more_problems", message=message))
                return
            if isinstance(action, Fetch):
                path = action.written_at(finding.path)
            else:
                path = (self.key, number or 0, *finding.path)
            self.findings.append(replace(finding, path=path))


def written_plan(
    manifest: AgentManifest | WorkflowManifest,
) -> tuple[PlanKey, tuple[Action, ...] | None]:
    """What a manifest calls its list of actions, and the list, with the manifest's defaults.

    None if the plan is not written down.
    """
    if isinstance(manifest, AgentManifest):
        return "actions", manifest.actions
    if manifest.steps is None:
        actions = manifest.actions or ()
        return "actions", tuple(_with_defaults(action, manifest, {}) for action in actions)
    handling = manifest.configuration.error_handling
    of_steps = {"mode": ActionMode.SYNC, "on_failure": handling.on_step_failure}
    return "steps", tuple(_with_defaults(step, manifest, of_steps) for step in manifest.steps)


def _with_defaults(action: Action, manifest: WorkflowManifest, of_steps: dict[str, Any]) -> Action:
    """An action of a workflow with the defaults for what it does not say."""
    configuration = manifest.configuration
    defaults = dict(of_steps)
    if "on_step_failure" in configuration.error_handling.model_fields_set:
        defaults["on_failure"] = configuration.error_handling.on_step_failure
    if configuration.default_retry_policy is not None:
        defaults["retry"] = configuration.default_retry_policy
    if "depends_on" in action.model_fields_set:
        defaults.pop("mode", None)
    changes = {
        name: value for name, value in defaults.items() if name not in action.model_fields_set
    }
    return action.model_copy(update=changes) if changes else action
