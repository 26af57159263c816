"""A tool or relic that is run by itself."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from cortex_cli.errors import ManifestError, UsageError
from cortex_cli.kinds import ActionType, ManifestKind
from cortex_cli.manifest.open import examine
from cortex_cli.manifest.program import Program
from cortex_cli.plan import references
from tests.manifest.trees import TOOL, compiled, write

_KV = "kind: Relic\nname: kv\ninterface: {type: embedded, engine: sqlite_kv}\n"
_SERVICE = """
    kind: Relic
    name: One Service
    interface:
      type: rest_api
      base_url: http://localhost:1
      endpoints:
        - {name: get, path: "/get/{key}", parameters: {key: string, size: {type: integer, default: 3}}}
    """


def _tool(name: str, rest: str) -> str:
    return f"{TOOL.format(name=name)}    {rest}\n"


def _resolved(program: Program, inputs: Mapping[str, object]) -> object:
    """What the action of a program is called with."""
    values, _ = program.inputs.accept(inputs, strict=True)
    assert program.plan is not None
    [action] = program.plan.actions
    return references.resolve(
        action.parameters, lambda root, path: references.walk({"inputs": values}[root], path)
    )


def test_a_tool_becomes_a_program_whose_inputs_are_its_parameters(tmp_path: Path) -> None:
    text = _tool(
        "Fetch page",
        'parameters: [{name: url, required: true}, {name: n, type: integer, default: 2}, {name: "a\\"b"}]',
    )
    program, problems = compiled(tmp_path, {"m.yaml": f"{text}    resources: {{timeout: 9}}\n"})
    assert problems == []
    assert (program.name, program.kind) == ("Fetch page", ManifestKind.TOOL)
    assert program.plan is not None
    [action] = program.plan.actions
    assert (action.id, action.type, action.target) == ("fetch_page", ActionType.TOOL, "Fetch page")
    assert action.timeout == 9
    assert _resolved(program, {"url": "u"}) == {"url": "u", "n": 2, 'a"b': None}
    target = program.lookup(ActionType.TOOL, "Fetch page")
    assert target is not None
    assert list(program.targets()) == [target]
    assert program.lookup(ActionType.TOOL, "x") is None
    assert list(program.reached()) == [program]


def test_the_inputs_of_a_tool_are_checked_as_its_parameters(tmp_path: Path) -> None:
    text = _tool("t", "parameters: [{name: url, required: true}]")
    program, _ = compiled(tmp_path, {"m.yaml": text})
    with pytest.raises(ManifestError, match="the input 'url' is missing"):
        program.inputs.accept({}, strict=True)


@pytest.mark.parametrize("rest", ["", "parameters: []"])
def test_a_tool_that_declares_nothing_is_called_without_parameters(
    tmp_path: Path, rest: str
) -> None:
    program, _ = compiled(tmp_path, {"m.yaml": _tool("日本", rest)})
    assert _resolved(program, {}) == {}
    assert program.plan is not None
    assert program.plan.actions[0].id == "call"
    hint = (
        "'日本' declares no parameters, so it is called without any; list them under 'parameters'"
    )
    with pytest.raises(ManifestError, match=hint):
        program.inputs.accept({"x": 1}, strict=True)


def test_an_operation_of_a_tool_is_one_of_its_parameters(tmp_path: Path) -> None:
    rest = "parameters: [{name: operation, required: true, enum: [add, sub]}, {name: n}]"
    program, _ = compiled(tmp_path, {"m.yaml": _tool("t", rest)}, operation="add")
    assert _resolved(program, {"n": "1"}) == {"operation": "add", "n": "1"}
    with pytest.raises(ManifestError, match="must be one of 'add', 'sub', not 'mul'"):
        compiled(tmp_path, {}, operation="mul")


def test_a_tool_whose_one_parameter_is_the_operation_takes_no_others(tmp_path: Path) -> None:
    text = _tool("t", "parameters: [{name: operation}]")
    program, _ = compiled(tmp_path, {"m.yaml": text}, operation="add")
    with pytest.raises(ManifestError, match="no input 'n'; it takes no others"):
        program.inputs.accept({"n": 1}, strict=True)


@pytest.mark.parametrize("rest", ["", "parameters: []"])
def test_a_tool_without_such_a_parameter_has_no_operations(tmp_path: Path, rest: str) -> None:
    with pytest.raises(ManifestError, match="the tool 't' has no operations"):
        compiled(tmp_path, {"m.yaml": _tool("t", rest)}, operation="add")


def test_an_operation_of_a_relic_is_called_with_the_inputs(tmp_path: Path) -> None:
    program, problems = compiled(tmp_path, {"m.yaml": _KV}, operation="set_value")
    assert problems == []
    assert program.plan is not None
    [action] = program.plan.actions
    assert (action.type, action.operation) == (ActionType.RELIC, "set_value")
    given = {"key": "k", "value": [1]}
    assert _resolved(program, given) == {"key": "k", "value": [1], "ttl": None}
    with pytest.raises(ManifestError, match="the input 'value' is missing"):
        program.inputs.accept({"key": "k"})
    with pytest.raises(ManifestError, match="the input 'ttl' must be a number, not a string"):
        program.inputs.accept({"key": "k", "value": 1, "ttl": "x"})


def test_a_relic_with_one_operation_needs_no_choice(tmp_path: Path) -> None:
    program, _ = compiled(tmp_path, {"m.yaml": _SERVICE})
    assert program.plan is not None
    assert program.plan.actions[0].operation == "get"
    assert _resolved(program, {"key": "k"}) == {"key": "k", "size": None}


def test_a_relic_with_several_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        compiled(tmp_path, {"m.yaml": _KV})
    assert str(caught.value).endswith(
        "m.yaml is a relic with several operations; choose one with --operation:"
        " set_value, get_value, delete_value or list_keys"
    )


def test_a_relic_may_be_examined_without_a_choice(tmp_path: Path) -> None:
    write(tmp_path, {"m.yaml": _KV})
    assert examine(Path("m.yaml"), cwd=tmp_path) == (None, [])


@pytest.mark.parametrize(
    ("operation", "hint"),
    [
        ("set_valu", "did you mean 'set_value'?"),
        ("x", "it has set_value, get_value, delete_value and list_keys"),
    ],
)
def test_an_unknown_operation_of_a_relic_is_refused(
    tmp_path: Path, operation: str, hint: str
) -> None:
    with pytest.raises(ManifestError) as caught:
        compiled(tmp_path, {"m.yaml": _KV}, operation=operation)
    assert str(caught.value) == f"the relic 'kv' has no operation '{operation}'; {hint}"


@pytest.mark.parametrize("operation", [None, "get"])
def test_a_service_without_an_address_is_refused(tmp_path: Path, operation: str | None) -> None:
    text = _SERVICE.replace("base_url: http://localhost:1", "")
    with pytest.raises(ManifestError, match="says no 'base_url'"):
        compiled(tmp_path, {"m.yaml": text}, operation=operation)
