import json
import subprocess
import sys

import networkx
import pytest
from msgspec.structs import replace

from cortex_cli.kinds import EdgeKind
from cortex_cli.report import PlannedEdge, PlanReport
from cortex_cli.ui.graph_json import to_json
from tests.ui.plans import Step, layered, plan, research_assistant


def read_back(report: PlanReport) -> "networkx.MultiDiGraph[str]":
    return networkx.node_link_graph(json.loads(json.dumps(to_json(report))))


def test_networkx_reads_the_plan_back() -> None:
    report = research_assistant()
    graph = read_back(report)
    assert isinstance(graph, networkx.MultiDiGraph)
    assert list(graph) == [action.id for action in report.actions]
    assert set(graph.edges(data="kind")) == {
        (edge.source, edge.target, edge.kind) for edge in report.edges
    }
    assert networkx.is_directed_acyclic_graph(graph)


def test_nodes_have_every_field_of_their_action() -> None:
    report = research_assistant()
    nodes = to_json(report)["nodes"]
    # What past runs took, and what a model may call, is there only where there is any.
    fields = {*report.actions[0].__struct_fields__} - {"estimate_p90_seconds", "may_call"}
    assert [set(node) for node in nodes] == [fields] * 10
    assert nodes[6] == {
        "id": "cache_results",
        "name": "cache_results",
        "type": "relic",
        "mode": "fire_and_forget",
        "target": "results",
        "wave": 4,
        "estimate_seconds": 5,
        "estimate_source": "estimate_seconds",
        "start_seconds": 180.0,
        "end_seconds": 185.0,
        "slack_seconds": 60.0,
        "on_critical_path": False,
    }


def test_the_graph_carries_what_is_true_of_the_whole_plan() -> None:
    facts = read_back(research_assistant()).graph
    assert facts["agent"] == "research_assistant"
    assert facts["estimate"]["scheduled_seconds"] == 240
    assert facts["critical_path"][-1] == "finalize"
    assert facts["waves"][2] == ["synthesize"]
    assert facts["counts"]["by_type"]["tool"] == 7


def test_two_edges_between_the_same_actions_are_both_there() -> None:
    report = plan(Step(id="a"), Step(id="b", after={"a": EdgeKind.DATA}))
    second = PlannedEdge(source="a", target="b", kind=EdgeKind.DEPENDS_ON)
    graph = read_back(replace(report, edges=(*report.edges, second)))
    assert set(graph["a"]["b"]) == {"data", "depends_on"}


@pytest.mark.parametrize("report", [plan(), layered(3, 1_000)], ids=["none", "3,000"])
def test_any_number_of_actions_will_do(report: PlanReport) -> None:
    assert len(read_back(report)) == len(report.actions)


def test_networkx_is_imported_only_when_a_graph_is_made() -> None:
    program = "import sys, cortex_cli.ui.graph_json; sys.exit('networkx' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
