"""What references may name in one plan, and what is wrong with a reference that names nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

from cortex_cli.ids import Hints
from cortex_cli.plan.graph import Graph
from cortex_cli.protocol.resources import Resource

BUILT_IN = frozenset({"TIMESTAMP", "RUN_ID", "WORKFLOW_ID", "AGENT_NAME", "HOME"})
ROOTS = frozenset({"inputs", "trigger", "steps", "env", "secrets", "run", "item", "index"})

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What references may name besides the outputs of actions.

    `inputs`: the declared inputs, None if any are taken. `env` and `secrets`: the declared ones.
    `known`: keys that the context holds already. `shared`: the pools and rates that actions may
    take from.
    """

    inputs: frozenset[str] | None = None
    env: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    shared: Mapping[str, Resource] = field(default_factory=dict[str, Resource])


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a reference is wrong."""

    code: str
    message: str
    hint: str | None = None


@dataclass(slots=True)
class Provided:
    """The actions of a plan by what they provide, and all else that has a name."""

    graph: Graph
    names: Names
    by_key: dict[str, int] = field(default_factory=dict[str, int])
    hints: Hints = field(default_factory=Hints)

    def action_behind(self, root: str, path: Path) -> int | None:
        """The number of the action that a reference takes its value from, if it is one."""
        if root == "steps":
            return self.graph.index.get(str(path[0])) if path else None
        return None if root in ROOTS else self.by_key.get(root)

    def trouble(self, root: str, path: Path, *, has_item: bool = False) -> Trouble | None:
        """What is wrong with a reference; None if something provides it.

        `has_item`: it stands in an action with `for_each`.
        """
        match root:
            case "steps":
                return self._unknown_step(path)
            case "item" | "index":
                message = f"'{root}' has a value only in an action with 'for_each'"
                return None if has_item else Trouble("no_for_each", message)
            case "inputs" | "trigger":
                return self._unknown_input(root, path)
            case "env" | "secrets":
                return self._unknown_setting(root, path)
            case _:
                return self._unknown_name(root)

    def _unknown_step(self, path: Path) -> Trouble | None:
        wanted = str(path[0]) if path else ""
        if wanted in self.graph.index:
            return None
        message = f"'steps.{wanted}' names no action"
        return Trouble("unknown_step", message, self.hints.did_you_mean(wanted, self.graph.index))

    def _unknown_input(self, root: str, path: Path) -> Trouble | None:
        declared = self.names.inputs
        if declared is None:
            return None
        if root == "trigger" and path[:1] == ("parameters",) and "parameters" not in declared:
            path = path[1:]
        return self._undeclared(root, path, declared, "input")

    def _unknown_setting(self, root: str, path: Path) -> Trouble | None:
        if root == "env":
            return self._undeclared(root, path, self.names.env, "variable of 'environment'")
        if len(path) == 1:
            return self._undeclared("secrets", path, self.names.secrets, "secret")
        message = "a secret has no fields" if path else "'secrets' has no value as a whole"
        return Trouble("no_secret", message, "name one of them: ${secrets.NAME}")

    def _unknown_name(self, root: str) -> Trouble | None:
        if root in self.by_key or root in ROOTS or root in BUILT_IN or root in self.names.known:
            return None
        if self.names.inputs is not None and root in self.names.inputs:
            hint = f"did you mean '${{inputs.{root}}}'?"
        elif root in self.names.env:
            hint = f"did you mean '${{env.{root}}}'?"
        else:
            known = chain(self.by_key, *map(_in_order, (self.names.known, BUILT_IN, ROOTS)))
            hint = self.hints.did_you_mean(root, known)
            hint = hint or "an action provides a name with its 'output_key'"
        return Trouble("unknown_reference", f"nothing provides '{root}'", hint)

    def _undeclared(
        self, root: str, path: Path, declared: frozenset[str], what: str
    ) -> Trouble | None:
        if not path or path[0] in declared:
            return None
        name = str(path[0])
        hint = self.hints.did_you_mean(name, _in_order(declared)) or f"declare '{name}' first"
        return Trouble(f"unknown_{root}", f"'{root}.{name}' is no declared {what}", hint)


def _in_order(names: frozenset[str]) -> Iterator[str]:
    """The names sorted, once they are asked for."""
    yield from sorted(names)
