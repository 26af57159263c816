"""The context of one agent or workflow: what references and conditions can name (PROTOCOL 3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from cortex_cli.kinds import ActionState
from cortex_cli.plan.references import MISSING, Lookup, resolve, walk
from cortex_cli.plan.traits import Traits
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.sealed import Sealed, as_json

Path = tuple[str | int, ...]

NO_SECRETS: Mapping[str, Sealed] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What is the same everywhere in a run: its id, its start in seconds since 1970, its folder."""

    execution_id: str
    started_at: float
    run_dir: str | None = None

    @property
    def started(self) -> str:
        """The start as ISO 8601 with milliseconds, in UTC."""
        moment = datetime.fromtimestamp(self.started_at, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class StepRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What `steps.ID` knows of an action."""

    status: ActionState
    output: Any = None
    error: str | None = None
    duration_seconds: float = 0.0
    attempts: int = 0

    def field(self, path: Path) -> Any:
        """The value of `steps.ID` followed by `path`, or MISSING."""
        if not path:
            return self.output
        match path[0]:
            case "output":
                return walk(self.output, path[1:])
            case "status":
                return walk(self.status.value, path[1:])
            case "error" | "duration_seconds" | "attempts" as name:
                return walk(getattr(self, name), path[1:])
            case _:
                return walk(self.output, path)


class Context:
    """Inputs, variables and outputs, shared by all actions and iterations of one nested run.

    `newest` has the ids of actions whose written ids were used before in the run, by those.
    """

    def __init__(
        self,
        name: str,
        inputs: Mapping[str, Any],
        facts: RunFacts,
        secrets: Mapping[str, Sealed] = NO_SECRETS,
    ) -> None:
        self.inputs = dict(inputs)
        self.variables: dict[str, str] = {}
        self.steps: dict[str, StepRecord] = {}
        self._outputs: dict[str, Any] = {}
        self.newest: dict[str, str] = {}
        run = {"id": facts.execution_id, "dir": facts.run_dir, "started_at": facts.started}
        self._roots: dict[str, Any] = {
            "inputs": self.inputs,
            "env": self.variables,
            "run": run,
            "secrets": secrets,
        }
        self._built_in: dict[str, Any] = {
            "TIMESTAMP": facts.started,
            "RUN_ID": facts.execution_id,
            "WORKFLOW_ID": name,
            "AGENT_NAME": name,
        }

    def declare(self, variables: Mapping[str, str], ambient: Mapping[str, str]) -> None:
        """Resolve the variables of the manifest; see `declared`."""
        self._built_in.setdefault("HOME", ambient.get("HOME"))
        self.variables.update(declared(variables, ambient, self.lookup))

    def record(self, action: Action | Traits, step: StepRecord) -> None:
        """Note how an action has ended; its output is there under its key from now on."""
        self.steps[action.id] = step
        if action.output_key is not None:
            self._outputs[action.output_key] = step.output

    @property
    def keys(self) -> frozenset[str]:
        """The output keys that have a value."""
        return frozenset(self._outputs)

    def expect(self, action: Action, name: str) -> None:
        """An action joins the plan: from now on its written id and its output key are its own."""
        if name != action.id:
            self.newest[name] = action.id
        if action.output_key is not None:
            self._outputs.pop(action.output_key, None)

    def resolve(self, value: Any) -> Any:
        """The value with its references replaced."""
        return resolve(value, self.lookup) if value else value

    def lookup(self, root: str, path: Path) -> Any:
        """What a reference names, or MISSING."""
        if root == "steps":
            return self._step(path)
        if root == "trigger":
            # The standard writes trigger.parameters.x for the input x.
            is_long = path[:1] == ("parameters",) and "parameters" not in self.inputs
            root, path = "inputs", path[1:] if is_long else path
        for names in (self._roots, self._outputs, self._built_in):
            if root in names:
                return walk(names[root], path)
        return MISSING

    def _step(self, path: Path) -> Any:
        name = str(path[0]) if path else ""
        step = self.steps.get(self.newest.get(name, name))
        return MISSING if step is None else step.field(path[1:])


def _nothing(_root: str, _path: Path) -> Any:
    return MISSING


def declared(
    variables: Mapping[str, str], ambient: Mapping[str, str], lookup: Lookup = _nothing
) -> dict[str, str]:
    """The declared variables of a manifest, resolved in order: each may name those before it.

    A bare name that `lookup` does not know and that is no variable yet is taken from `ambient`,
    the process environment. What is missing is empty.
    """
    resolved: dict[str, str] = {}

    def find(root: str, path: Path) -> Any:
        if root == "env":
            return walk(resolved, path)
        found = lookup(root, path)
        if found is MISSING and not path:
            found = resolved.get(root, ambient.get(root, MISSING))
        return found

    for name, text in variables.items():
        resolved[name] = as_text(resolve(text, find))
    return resolved


def as_text(value: Any) -> str:
    """A value as a variable has it: null is empty, what is no text is compact JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return as_json(value)
