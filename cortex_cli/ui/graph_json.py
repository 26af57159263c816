"""A plan as node-link data, for programs that know graphs."""

from importlib import import_module
from typing import Any

import msgspec

from cortex_cli.report import PlanReport


def to_json(report: PlanReport) -> dict[str, Any]:
    """Node-link data of JSON values, as `networkx.node_link_graph` reads it back.

    A directed multigraph. Nodes have the fields of a `PlannedAction`, in the order of the plan;
    edges their `kind`, which is also their key; the graph the agent, its waves, critical path,
    counts and estimate.
    """
    # Not an import statement: what the stubs of networkx say of these is incomplete.
    networkx: Any = import_module("networkx")
    facts = msgspec.to_builtins(report)
    kept = ("agent", "waves", "critical_path", "counts", "estimate")
    graph = networkx.MultiDiGraph(**{key: facts[key] for key in kept})
    for action in facts["actions"]:
        graph.add_node(action.pop("id"), **action)
    for edge in report.edges:
        graph.add_edge(edge.source, edge.target, key=edge.kind.value, kind=edge.kind.value)
    return networkx.node_link_data(graph)
