"""Everything that can be said of a plan before it runs: its graph, or what is wrong, all at once."""

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from cortex_cli.errors import Finding
from cortex_cli.kinds import Severity
from cortex_cli.plan.barriers import add_barriers
from cortex_cli.plan.edges import Linker, finding_of
from cortex_cli.plan.graph import Graph
from cortex_cli.plan.misplaced import misplaced_secrets, secrets_in_outputs
from cortex_cli.plan.named_tools import troubles_of_tools
from cortex_cli.plan.provided import Names, Provided
from cortex_cli.plan.references import errors, find
from cortex_cli.plan.shares import troubles
from cortex_cli.plan.templates import ReferenceSyntaxError, parse
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.plan import OutputDeclaration

_CYCLE_SHOWN = 20
_MOST_FINDINGS = 100


def check_plan(
    actions: Sequence[Action],
    names: Names,
    *,
    outputs: Mapping[str, OutputDeclaration] | None = None,
    key: str = "actions",
) -> tuple[Graph, list[Finding]]:
    """The graph of a plan, barriers included, and the findings about it and its outputs.

    If a finding is an error, the graph is not fit to run. `key` is what the list of actions is
    called in the document, for the findings' paths. Of more than 100 findings the first 100 are
    told, errors before warnings, and how many more there are.
    """
    graph = Graph(actions)
    linker = Linker(Provided(graph, names), key)
    _check_ids(linker)
    _check_not_yet(linker)
    _check_conversations(linker)
    _check_resources(linker)
    _check_lists(linker)
    linker.link()
    _check_secrets(linker)
    linker.findings.extend(secrets_in_outputs(outputs or {}))
    for name, output in (outputs or {}).items():
        linker.findings.extend(_check_output(linker.provided, name, output))
    cycle = graph.cycle()
    if cycle is None:
        add_barriers(graph)
    else:
        _report_cycle(linker, cycle)
    return graph, _first(linker.findings)


def is_sound(findings: Sequence[Finding]) -> bool:
    """Whether none of the findings is an error."""
    return all(finding.severity is not Severity.ERROR for finding in findings)


def _first(findings: list[Finding]) -> list[Finding]:
    """The findings, unless they are too many for anyone to read."""
    if len(findings) <= _MOST_FINDINGS:
        return findings
    # Errors first, so that none is left out for a warning: the plan would pass as sound.
    ranked = sorted(enumerate(findings), key=lambda one: one[1].severity is not Severity.ERROR)
    told = [finding for _, finding in sorted(ranked[:_MOST_FINDINGS], key=itemgetter(0))]
    left_out = ranked[_MOST_FINDINGS:]
    message = f"… and {len(left_out)} more"
    return [*told, Finding(severity=left_out[0][1].severity, code="more_findings", message=message)]


def _check_ids(linker: Linker) -> None:
    for number, action in enumerate(linker.graph.actions):
        first = linker.graph.index[action.id]
        if first != number:
            place = ("id",) if "id" in action.model_fields_set else ("name",)
            message = f"two actions have the id '{action.id}'"
            hint = "an id that is not written is made from the name; give one of them another"
            linker.report(number, place, "duplicate_id", message, hint=hint)


def _check_output(provided: Provided, name: str, output: OutputDeclaration) -> Iterator[Finding]:
    place = ("outputs", name, "source")
    for path, error in errors(output.source):
        yield Finding(code="reference_syntax", message=str(error), path=(*place, *path))
    for path, reference in find(output.source):
        trouble = provided.trouble(reference.root, reference.path)
        if trouble is not None:
            yield finding_of(trouble, reference, (*place, *path))


def _check_resources(linker: Linker) -> None:
    shared = linker.provided.names.shared
    for number, action in enumerate(linker.graph.actions):
        for trouble in troubles(action, shared, linker.provided.hints):
            place = ("resources", trouble.name)
            linker.report(number, place, trouble.code, trouble.message, hint=trouble.hint)


def _check_lists(linker: Linker) -> None:
    for number, action in enumerate(linker.graph.actions):
        items = action.for_each
        if items is not None and not isinstance(items, list) and not _may_give_a_list(items):
            message = f"'for_each' of action '{action.id}' needs a list, or one reference to a list"
            keys = (other.output_key for other in linker.graph.actions)
            is_key = isinstance(items, str) and items in keys
            hint = f"did you mean '${items}'?" if is_key else "for example for_each: ${papers}"
            linker.report(number, ("for_each",), "no_list", message, hint=hint)


def _may_give_a_list(items: Any) -> bool:
    """Whether it is one whole reference; one that is not well-formed is told of elsewhere."""
    if not isinstance(items, str):
        return False
    try:
        return parse(items).is_single
    except ReferenceSyntaxError:
        return True


def _check_not_yet(linker: Linker) -> None:
    for number, action in enumerate(linker.graph.actions):
        for place in _later_fields(action):
            linker.report(number, place, "not_yet", _not_yet(place[-1]))


def _check_secrets(linker: Linker) -> None:
    for number, action in enumerate(linker.graph.actions):
        for place, message, hint in misplaced_secrets(action):
            linker.report(number, place, "misplaced_secret", message, hint=hint)


def _later_fields(action: Action) -> Iterator[tuple[str, ...]]:
    if action.cache is not False and not action.type.is_leaf:
        yield ("cache",)


def _check_conversations(linker: Linker) -> None:
    for number, action in enumerate(linker.graph.actions):
        if action.is_conversation:
            for place, code, message, hint in troubles_of_tools(action):
                linker.report(number, place, code, message, hint=hint)


def _not_yet(field: str) -> str:
    return f"'{field}' is part of the protocol, but this version cannot follow it yet"


def _report_cycle(linker: Linker, cycle: list[int]) -> None:
    ids = [linker.graph.actions[number].id for number in cycle]
    # Starting with the action declared first makes the message the same whatever found it.
    start = cycle.index(min(cycle))
    ids = ids[start:] + ids[:start]
    shown = ids[:_CYCLE_SHOWN]
    left_out = len(ids) - len(shown)
    rest = [f"… {left_out} more …"] if left_out else []
    message = f"actions wait for each other in a cycle: {' → '.join([*shown, *rest, ids[0]])}"
    hint = "take one of these dependencies out"
    linker.report(min(cycle), (), "cycle", message, hint=hint)
