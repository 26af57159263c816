"""From manifests to programs."""

from pathlib import Path

import pytest

from cortex_cli.errors import ManifestError
from cortex_cli.kinds import ActionMode, ActionType, Backoff, ManifestKind, OnFailure
from cortex_cli.manifest.compile import Programs, compile_program
from cortex_cli.manifest.load import load_file
from cortex_cli.manifest.program import Program, RelicTarget, ToolTarget
from cortex_cli.manifest.resolve import load_library
from tests.manifest.trees import TOOL, agent, all_told, compiled, write

_RELIC = "kind: Relic\nname: kv\ninterface: {type: embedded, engine: sqlite_kv}\n"


def _workflow(steps: str, rest: str = "", *, key: str = "steps") -> str:
    return f"kind: Workflow\nname: w\n{key}:\n{steps}\n{rest}"


def test_a_cap_of_no_iterations_is_none(tmp_path: Path) -> None:
    program, _ = compiled(tmp_path, {"m.yaml": "kind: Agent\nname: a\niteration_cap: 0\n"})
    assert program.protocol.max_iterations == 1_000_000


def test_an_agent_becomes_a_program(tmp_path: Path) -> None:
    program, problems = compiled(
        tmp_path,
        {
            "m.yaml": """\
                kind: Agent
                name: research
                version: "2.0"
                goal: find out
                iteration_cap: 3
                inputs: {page: string}
                outputs: {facts: {source: $facts}, more: steps.a.b}
                environment: {env_file: .env, variables: {A: $B}}
                import: {tools: [./t/tool.yaml], relics: [kv.yaml]}
                actions:
                  - {id: a, type: tool, target: t}
                  - {id: b, type: relic, target: kv, operation: list_keys}
                  - {id: c, type: llm, parameters: {prompt: hello}}
                """,
            "t/tool.yaml": f"{TOOL.format(name='t')}    resources: {{timeout: 7}}\n",
            "kv.yaml": _RELIC,
            ".env": "B=$5\n",
        },
    )
    assert problems == []
    assert (program.name, program.kind, program.version) == ("research", ManifestKind.AGENT, "2.0")
    assert (program.goal, program.protocol.max_iterations) == ("find out", 3)
    assert program.folder == tmp_path
    assert program.plan is not None
    assert [action.timeout for action in program.plan.actions] == [7, 300, 300]
    assert program.inputs.declared is not None
    assert list(program.inputs.declared) == ["page"]
    assert {name: one.source for name, one in program.outputs.items()} == {
        "facts": "$facts",
        "more": "steps.a.b",
    }
    assert program.variables == {"A": "$B", "B": "$$5"}
    assert program.actions_key == "actions"
    tool = program.lookup(ActionType.TOOL, "t")
    assert isinstance(tool, ToolTarget)
    assert (tool.file, tool.folder) == ("t/tool.yaml", tmp_path / "t")
    relic = program.lookup(ActionType.RELIC, "kv")
    assert isinstance(relic, RelicTarget)
    assert list(program.targets()) == [tool, relic]
    assert program.lookup(ActionType.TOOL, "kv") is None
    assert program.lookup(ActionType.LLM, "t") is None


def test_an_agent_without_inputs_takes_any_and_a_workflow_takes_none(tmp_path: Path) -> None:
    files = {
        "m.yaml": agent(),
        "w.yaml": _workflow("  - {id: a, type: internal}"),
        "v.yaml": _workflow(
            "  - {id: a, type: internal}", "trigger: {parameters: {days: integer}}"
        ),
        "u.yaml": _workflow("  - {id: a, type: internal}", "inputs: {days: integer}"),
    }
    declared = {name: compiled(tmp_path, files, name)[0].inputs.declared for name in files}
    assert declared["m.yaml"] is None
    assert declared["w.yaml"] == {}
    assert list(declared["v.yaml"] or ()) == ["days"]
    assert declared["u.yaml"] == declared["v.yaml"]


def test_an_agent_without_actions_has_no_plan(tmp_path: Path) -> None:
    program, _ = compiled(tmp_path, {"m.yaml": "kind: Agent\nname: a\n"})
    assert program.plan is None


def test_steps_are_read_top_to_bottom(tmp_path: Path) -> None:
    steps = """
  - {id: a, type: internal}
  - {id: b, type: internal, mode: async}
  - {id: c, type: internal, depends_on: [a]}
  - {id: d, type: internal, depends_on: []}
  - {id: e, type: internal, on_failure: continue, retry: {max_attempts: 7}}
  - {id: f, type: internal, skip_on_error: true, mode: fire_and_forget}
"""
    program, _ = compiled(tmp_path, {"m.yaml": _workflow(steps)})
    assert program.actions_key == "steps"
    assert program.plan is not None
    actions = program.plan.actions
    assert [action.mode.value for action in actions] == [
        *("sync", "async", "async", "async", "sync", "fire_and_forget"),
    ]
    assert [action.on_failure.value for action in actions] == [
        *("abort", "abort", "abort", "abort", "continue", "continue"),
    ]
    assert actions[0].retry.max_attempts == 1
    assert actions[4].retry.max_attempts == 7


def test_the_configuration_of_a_workflow_is_the_default_of_its_steps(tmp_path: Path) -> None:
    rest = """
configuration:
  timeout: 120
  default_retry_policy: {max_attempts: 2, backoff: linear}
  error_handling: {on_step_failure: continue}
"""
    files = {
        "m.yaml": _workflow("  - {id: a, type: internal}", rest),
        "n.yaml": _workflow("  - {id: a, type: internal}", rest, key="actions"),
    }
    for name, mode in (("m.yaml", ActionMode.SYNC), ("n.yaml", ActionMode.ASYNC)):
        program, _ = compiled(tmp_path, files, name)
        assert program.protocol.max_execution_time_seconds == 120
        assert program.plan is not None
        [action] = program.plan.actions
        assert action.mode is mode
        assert action.on_failure is OnFailure.CONTINUE
        assert (action.retry.max_attempts, action.retry.backoff) == (2, Backoff.LINEAR)


def test_actions_of_a_workflow_are_as_in_an_agent(tmp_path: Path) -> None:
    files = {"m.yaml": _workflow("  - {id: a, type: internal}", key="actions")}
    program, _ = compiled(tmp_path, files)
    assert program.plan is not None
    [action] = program.plan.actions
    assert (action.mode, action.on_failure) == (ActionMode.ASYNC, OnFailure.FAIL)


def test_an_output_of_a_workflow_needs_no_dollar(tmp_path: Path) -> None:
    rest = "outputs: {a: steps.a.b, b: $TIMESTAMP, c: {source: steps, optional: true}}"
    program, _ = compiled(tmp_path, {"m.yaml": _workflow("  - {id: a, type: internal}", rest)})
    assert [output.source for output in program.outputs.values()] == [
        *("${steps.a.b}", "$TIMESTAMP", "steps"),
    ]
    assert program.outputs["c"].optional


def test_nested_programs_are_found_through_cycles(tmp_path: Path) -> None:
    call = "  - {{id: x, type: workflow, target: {}}}"
    names = {"m": "v", "v": "u", "u": "m"}
    files = {
        f"{name}.yaml": _workflow(
            call.format(other), f"import: {{workflows: [{other}.yaml]}}"
        ).replace("name: w", f"name: {name}")
        for name, other in names.items()
    }
    program, problems = compiled(tmp_path, files)
    assert problems == []
    assert [one.name for one in program.reached()] == ["m", "v", "u"]
    nested = program.lookup(ActionType.WORKFLOW, "v")
    assert isinstance(nested, Program)
    assert nested is program.lookup(ActionType.WORKFLOW, "v")
    last = nested.lookup(ActionType.WORKFLOW, "u")
    assert isinstance(last, Program)
    assert last.lookup(ActionType.WORKFLOW, "m") is program


def test_a_target_of_an_importer_is_found(tmp_path: Path) -> None:
    files = {
        "m.yaml": agent(
            "{id: a, type: workflow, target: w}",
            head="import: {workflows: [w.yaml], tools: [t/tool.yaml]}",
        ),
        "w.yaml": _workflow("  - {id: b, type: tool, target: t}"),
        "t/tool.yaml": TOOL,
    }
    assert all_told(tmp_path, files) == []
    assert all_told(tmp_path, files, "w.yaml") == [
        (
            "w.yaml:4:33: action 'b' calls tool 't', which nothing imports;"
            " list its file under 'import.tools'"
        )
    ]


def test_targets_that_mean_nothing_are_told_with_the_way_out(tmp_path: Path) -> None:
    files = {
        "m.yaml": agent(
            "{id: a, type: tool, target: ftech}",
            "{id: b, type: tool, target: kv}",
            "{id: c, type: relic, target: zzz}",
            "{id: d, type: tool, target: gone}",
            "{id: e, type: agent, target: zzz}",
            "{id: f, type: agent, target: lost}",
            "{id: g, type: tool, target: w}",
            head="""\
                import:
                  tools: [./fetch/tool.yaml, gone]
                  relics: [kv.yaml]
                  workflows: [w.yaml]
                  agents: [lost/agent.yml]
                """,
        ),
        "fetch/tool.yaml": TOOL,
        "kv.yaml": _RELIC,
        "w.yaml": _workflow("  - {id: a, type: internal}"),
    }
    lines = all_told(tmp_path, files)
    assert [line for line in lines if "note:" not in line] == [
        "m.yaml:4:33: action 'a' calls tool 'ftech', which nothing imports; did you mean 'fetch'?",
        "m.yaml:5:33: action 'b' calls tool 'kv', which is a relic; write type: relic",
        (
            "m.yaml:6:34: action 'c' calls relic 'zzz', which nothing imports;"
            " the relics imported here are kv"
        ),
        "m.yaml:7:33: action 'd' calls tool 'gone', but the import 'gone' was not found",
        (
            "m.yaml:8:34: action 'e' calls agent 'zzz', which nothing imports;"
            " list its file under 'import.agents'"
        ),
        "m.yaml:9:34: action 'f' calls agent 'lost', but the import 'lost/agent.yml' was not found",
        "m.yaml:10:33: action 'g' calls tool 'w', which is a workflow; write type: workflow",
    ]
    assert len(lines) == 9


def test_a_target_whose_file_is_wrong_is_told_once(tmp_path: Path) -> None:
    files = {
        "m.yaml": agent("{id: a, type: tool, target: t}", head="import: {tools: [t.yaml]}"),
        "t.yaml": "kind: Tool\nname: t\n",
    }
    assert all_told(tmp_path, files) == ["t.yaml:1:1: 'implementation' is missing"]


def test_calls_are_checked_at_the_keys_of_their_parameters(tmp_path: Path) -> None:
    tool = f"{TOOL.format(name='t')}    parameters: [{{name: n, type: integer, required: true}}]\n"
    files = {
        "m.yaml": agent(
            "{id: a, type: tool, target: t, parameters: {m: 1}}",
            "{id: b, type: tool, target: t}",
            "{id: c, type: tool, target: t, parameters: {n: x}}",
            head="import: {tools: [t.yaml]}",
        ),
        "t.yaml": tool,
    }
    assert all_told(tmp_path, files) == [
        "m.yaml:4:49: tool 't' has no parameter 'm'; it takes n",
        "m.yaml:4:48: tool 't' needs the parameter 'n'",
        "m.yaml:5:5: tool 't' needs the parameter 'n'",
        "m.yaml:6:52: the parameter 'n' of tool 't' must be an integer, not a string",
    ]


def test_calls_in_nested_programs_are_checked_too(tmp_path: Path) -> None:
    files = {
        "m.yaml": agent("{id: a, type: workflow, target: w}", head="import: {workflows: [w.yaml]}"),
        "w.yaml": _workflow("  - {id: b, type: tool, target: zzz}"),
    }
    assert [line.partition(" ")[0] for line in all_told(tmp_path, files)] == ["w.yaml:4:33:"]


def test_what_is_sound_of_a_broken_file_is_checked_further(tmp_path: Path) -> None:
    files = {
        "m.yaml": agent("{id: a, type: tool, target: zzz}", "{id: b, type: tool, targt: t}"),
    }
    assert [line.partition(";")[0] for line in all_told(tmp_path, files)] == [
        "m.yaml:5:25: unknown key 'targt' in action 'b'",
        "m.yaml:4:33: action 'a' calls tool 'zzz', which nothing imports",
    ]


def test_a_plan_still_to_be_made_reaches_all_imports(tmp_path: Path) -> None:
    files = {
        "m.yaml": "kind: Agent\nname: a\ngoal: x\nimport: {tools: [t.yaml], agents: [b.yaml]}\n",
        "t.yaml": f"{TOOL.format(name='t')}    environment: {{env_file: ../x}}\n",
        "b.yaml": "kind: Agent\nname: b\ngoal: y\n",
    }
    [line] = all_told(tmp_path, files)
    assert line.startswith("t.yaml:5:25: the file '../x' leads out of the root")


def test_what_no_plan_reaches_may_have_errors_until_it_is_called(tmp_path: Path) -> None:
    files = {
        "m.yaml": agent("{id: a, type: internal}", head="import: {tools: [t.yaml, u.yaml]}"),
        "t.yaml": f"{TOOL.format(name='t')}    environment: {{env_file: ../x}}\n",
        "u.yaml": TOOL.format(name="u"),
    }
    program, problems = compiled(tmp_path, files)
    assert [problem.code for problem in problems] == ["unused_import"] * 2
    assert isinstance(program.lookup(ActionType.TOOL, "u"), ToolTarget)
    with pytest.raises(ManifestError, match=r"the file '../x' leads out"):
        program.lookup(ActionType.TOOL, "t")


def test_a_file_that_is_too_wrong_compiles_to_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"m.yaml": "kind: Agent\nname: 3\n"})
    entry = load_file(tmp_path / "m.yaml", "m.yaml")
    library = load_library(entry, root=tmp_path, cwd=tmp_path)
    assert compile_program(library) == (None, [])
    with pytest.raises(ManifestError, match="'name' must be a string"):
        Programs(library).target(entry)


def test_a_tool_has_the_variables_of_its_own_environment(tmp_path: Path) -> None:
    head = "import: {tools: [t/tool.yaml]}"
    program, _ = compiled(
        tmp_path,
        {
            "m.yaml": agent("{id: a, type: tool, target: t}", head=head),
            "t/tool.yaml": f"{TOOL.format(name='t')}    environment: {{env_file: .env}}\n",
            "t/.env": "LEVEL=high\n",
        },
    )
    tool = program.lookup(ActionType.TOOL, "t")
    assert isinstance(tool, ToolTarget)
    assert tool.variables == {"LEVEL": "high"}


def test_of_many_wrong_calls_the_first_100_are_told(tmp_path: Path) -> None:
    actions = (f"{{id: a{i}, type: tool, target: gone, fallback: [x]}}" for i in range(150))
    head = "import: {tools: [./t/tool.yaml]}"
    files = {"m.yaml": agent(*actions, head=head), "t/tool.yaml": TOOL.format(name="t")}
    lines = all_told(tmp_path, files)
    assert len(lines) == 101
    assert "action 'a99' calls tool 'gone'" in lines[99]
    assert "there are more problems with calls: 100 are told" in lines[100]
