"""Barrier edges against the definition in PROTOCOL 2.1, taken word for word."""

import networkx
from hypothesis import given
from hypothesis import strategies as st

from cortex_cli.kinds import EdgeKind
from cortex_cli.plan.barriers import add_barriers
from cortex_cli.plan.graph import Graph
from tests.plan.builders import act, graph_of, pairs


@st.composite
def plans(draw: st.DrawFn) -> Graph:
    """Acyclic graphs of up to nine actions, with edges against declaration order too."""
    size = draw(st.integers(1, 9))
    modes = draw(st.lists(st.sampled_from(["async", "sync"]), min_size=size, max_size=size))
    rank = draw(st.permutations(range(size)))
    graph = Graph([act(f"a{i}", mode=mode) for i, mode in enumerate(modes)])
    for source in range(size):
        for target in range(size):
            if rank[source] < rank[target] and draw(st.integers(0, 3)) == 0:
                graph.add(source, target, EdgeKind.DEPENDS_ON)
    return graph


def naive(graph: Graph) -> "networkx.DiGraph[int]":
    """Every edge that the definition asks for, one sync action after another."""
    full: networkx.DiGraph[int] = networkx.DiGraph()
    full.add_nodes_from(range(len(graph)))
    full.add_edges_from((edge.source, edge.target) for edge in graph.edges())
    for number, action in enumerate(graph.actions):
        if action.mode == "sync":
            before = networkx.ancestors(full, number)
            after = set(range(number + 1, len(graph))) - before
            full.add_edges_from((number, later) for later in after)
    return full


@given(plans())
def test_barriers_order_what_the_definition_orders_and_nothing_is_redundant(graph: Graph) -> None:
    wanted = naive(graph)
    add_barriers(graph)
    got: networkx.DiGraph[int] = networkx.DiGraph()
    got.add_nodes_from(range(len(graph)))
    got.add_edges_from((edge.source, edge.target) for edge in graph.edges())
    closure = networkx.transitive_closure_dag(got)
    assert set(closure.edges) == set(networkx.transitive_closure_dag(wanted).edges)
    reduced = networkx.transitive_reduction(got)
    barriers = {(e.source, e.target) for e in graph.edges() if e.kind is EdgeKind.BARRIER}
    assert barriers <= set(reduced.edges)


def test_a_sync_action_holds_back_all_that_is_declared_after_it() -> None:
    graph = graph_of(act("a"), act("b", mode="sync"), act("c"), act("d", "c"))
    assert pairs(graph, EdgeKind.BARRIER) == {("b", "c")}


def test_sync_actions_in_a_row_make_a_chain() -> None:
    graph = graph_of(*(act(f"s{i}", mode="sync") for i in range(4)))
    assert pairs(graph) == {("s0", "s1"), ("s1", "s2"), ("s2", "s3")}


def test_a_sync_action_does_not_hold_back_what_it_depends_on() -> None:
    graph = graph_of(act("s", "late", mode="sync"), act("late"), act("other"))
    assert pairs(graph) == {("late", "s"), ("s", "other")}


def test_an_explicit_edge_is_not_doubled_by_a_barrier() -> None:
    graph = graph_of(act("s", mode="sync"), act("b", "s"))
    assert [edge.kind for edge in graph.edges()] == [EdgeKind.DEPENDS_ON]


def _reversed_pair(size: int) -> Graph:
    """So many sync actions, of which the first depends on the last."""
    graph = Graph([act(f"s{i}", mode="sync") for i in range(size)])
    graph.add(size - 1, 0, EdgeKind.DEPENDS_ON)
    return graph


def test_one_edge_against_the_order_makes_no_large_plan_slow() -> None:
    graph = _reversed_pair(4_000)
    add_barriers(graph)
    edges = [(edge.source, edge.target) for edge in graph.edges()]
    assert edges == [(3_999, 0), *((i, i + 1) for i in range(3_998))]


def test_a_large_plan_wholly_against_the_order_stays_as_it_is() -> None:
    graph = Graph([act(f"s{i}", mode="sync") for i in range(4_000)])
    for number in range(3_999):
        graph.add(number + 1, number, EdgeKind.DEPENDS_ON)
    add_barriers(graph)
    assert {edge.kind for edge in graph.edges()} == {EdgeKind.DEPENDS_ON}
