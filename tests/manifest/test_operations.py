"""What can be called of tools and relics, and what is wrong with a call before it is made."""

from pathlib import Path
from typing import Any

import pytest

from cortex_cli.manifest.calls import Calls, calls_of
from cortex_cli.manifest.operations import (
    EMBEDDED,
    AnyValue,
    Operation,
    best_operation,
    relic_operations,
    tool_operation,
)
from cortex_cli.manifest.relic_models import RelicManifest
from cortex_cli.manifest.tool_models import ToolManifest
from cortex_cli.protocol.action import Action
from tests.manifest.trees import load

_SERVICE = """
    kind: Relic
    name: store
    interface:
      type: rest_api
      base_url: http://localhost:1
      endpoints:
        - {name: set, method: POST, path: /set, parameters: {key: string, value: object, ttl: {type: integer, default: 5}}}
        - {name: get, path: "/get/{key}", parameters: {key: {type: string, default: k}}}
        - {name: drop, path: "/drop/{key}"}
        - {name: stats, path: /stats}
        - {name: find, path: /find, parameters: {size: {type: boolean, required: false}}}
    """
_EMBEDDED = "kind: Relic\nname: kv\ninterface: {type: embedded, engine: sqlite_kv}\n"


def _relic(text: str) -> RelicManifest:
    manifest = load(text).manifest
    assert isinstance(manifest, RelicManifest)
    return manifest


def _tool(parameters: str) -> ToolManifest:
    text = f"kind: Tool\nname: t\nimplementation: {{type: script, entrypoint: m.py}}\n{parameters}"
    manifest = load(text).manifest
    assert isinstance(manifest, ToolManifest)
    return manifest


def _calls(manifest: RelicManifest | ToolManifest) -> Calls:
    calls = calls_of(manifest)
    assert calls is not None
    return calls


def _told(manifest: RelicManifest | ToolManifest, **action: Any) -> list[tuple[object, ...]]:
    kind = "relic" if isinstance(manifest, RelicManifest) else "tool"
    whole = Action.model_validate({"id": "x", "type": kind, "target": "t", **action})
    findings = _calls(manifest).findings(whole)
    return [(one.code, one.path, one.message, one.hint) for one in findings]


def _codes(manifest: RelicManifest | ToolManifest, **action: Any) -> list[object]:
    return [code for code, *_ in _told(manifest, **action)]


def test_the_operations_of_a_service_are_its_endpoints() -> None:
    required = {one.name: one.required for one in relic_operations(_relic(_SERVICE))}
    assert required == {
        "set": {"key", "value"},
        "get": set(),
        "drop": {"key"},
        "stats": set(),
        "find": set(),
    }


def test_an_endpoint_that_declares_nothing_takes_anything() -> None:
    by_name = {one.name: one for one in relic_operations(_relic(_SERVICE))}
    assert by_name["stats"].parameters is None
    assert by_name["drop"].parameters is not None


def test_the_embedded_relic_has_its_own_operations() -> None:
    assert relic_operations(_relic(_EMBEDDED)) == EMBEDDED


def test_a_tool_without_declared_parameters_takes_anything() -> None:
    assert tool_operation(_tool("")).parameters is None
    assert tool_operation(_tool("parameters: []")).parameters == {}


@pytest.mark.parametrize("value", [None, 1, "x", [], {}])
def test_any_value_is_any_value(value: object) -> None:
    assert AnyValue().misfit(value) is None


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"key", "value"}, "set_value"),
        ({"key", "value", "ttl"}, "set_value"),
        ({"key", "default"}, "get_value"),
        (set[str](), "list_keys"),
        ({"prefix"}, "list_keys"),
    ],
)
def test_the_most_specific_operation_is_meant(given: set[str], name: str) -> None:
    best = best_operation(EMBEDDED, given)
    assert isinstance(best, Operation)
    assert best.name == name


def test_two_operations_that_fit_equally_well_are_a_tie() -> None:
    assert best_operation(EMBEDDED, ["key"]) == (
        "is meant: 'get_value' and 'delete_value' both take the parameters key"
    )


def test_no_operation_fits_too_little() -> None:
    assert best_operation(EMBEDDED[:3], ["value"]) == "takes the parameters value"
    assert best_operation(EMBEDDED[:3], []) == "takes no parameters"


def test_a_call_that_fits_is_fine() -> None:
    manifest = _relic(_SERVICE)
    assert _told(manifest, operation="set", parameters={"key": "k", "value": {}}) == []
    assert _told(manifest, parameters={"key": "k", "value": {}, "ttl": None}) == []
    assert _told(manifest, parameters={"action": "stats", "whatever": 1}) == []
    assert _told(manifest, parameters={"operation": "get", "key": "k"}) == []
    assert (
        _told(_relic(_EMBEDDED), operation="set_value", parameters={"key": "k", "value": 1}) == []
    )


@pytest.mark.parametrize(
    "parameters",
    [{"key": "$x", "value": "$x"}, {"key": "a-${x}", "value": {"a": ["$x"]}, "ttl": "${x:-5}"}],
)
def test_values_with_references_are_left_alone(parameters: dict[str, Any]) -> None:
    assert _told(_relic(_SERVICE), operation="set", parameters=parameters) == []


def test_an_operation_that_is_a_reference_is_left_alone() -> None:
    assert _told(_relic(_SERVICE), operation="$op", parameters={"x": 1}) == []
    assert _told(_relic(_SERVICE), parameters={"action": "$op"}) == []


def test_an_unknown_operation_is_told_where_it_is_named() -> None:
    manifest = _relic(_SERVICE)
    assert _told(manifest, operation="sett") == [
        (
            "unknown_operation",
            ("operation",),
            "relic 'store' has no operation 'sett'",
            "did you mean 'set'?",
        )
    ]
    assert _told(manifest, parameters={"action": "clear"}) == [
        (
            "unknown_operation",
            ("parameters", "action"),
            "relic 'store' has no operation 'clear'",
            "it has set, get, drop, stats and find",
        )
    ]
    assert _codes(manifest, parameters={"operation": 3}) == ["unknown_operation"]


def test_an_operation_that_nothing_tells_is_asked_for() -> None:
    assert _told(_relic(_EMBEDDED), parameters={"key": "k"}) == [
        (
            "no_operation",
            ("parameters",),
            (
                "no one operation of relic 'kv' is meant:"
                " 'get_value' and 'delete_value' both take the parameters key"
            ),
            "name the 'operation': set_value, get_value, delete_value or list_keys",
        )
    ]


def test_wrong_parameters_of_an_operation_are_told_together() -> None:
    told = _told(_relic(_SERVICE), operation="set", parameters={"kye": "k", "value": "x"})
    assert told == [
        (
            "unknown_parameter",
            ("parameters", "kye"),
            "operation 'set' of relic 'store' has no parameter 'kye'",
            "did you mean 'key'?",
        ),
        (
            "wrong_parameter",
            ("parameters", "value"),
            (
                "the parameter 'value' of operation 'set' of relic 'store' must be an object,"
                " not a string"
            ),
            None,
        ),
        (
            "missing_parameter",
            ("parameters",),
            "operation 'set' of relic 'store' needs the parameter 'key'",
            None,
        ),
    ]


def test_wrong_parameters_of_a_tool_are_told_together() -> None:
    manifest = _tool("parameters: [{name: n, type: integer, required: true}, {name: m}]")
    assert _told(manifest, parameters={"z": 1, "m": None}) == [
        (
            "unknown_parameter",
            ("parameters", "z"),
            "tool 't' has no parameter 'z'",
            "it takes n and m",
        ),
        ("missing_parameter", ("parameters",), "tool 't' needs the parameter 'n'", None),
    ]
    assert _codes(manifest, parameters={"n": "1"}) == ["wrong_parameter"]
    assert _codes(manifest, parameters={"n": None}) == ["wrong_parameter"]


def test_a_tool_without_declared_parameters_is_not_checked() -> None:
    assert _told(_tool(""), parameters={"x": 1}) == []


def test_a_tool_that_takes_nothing_refuses_everything() -> None:
    [(_, _, message, hint)] = _told(_tool("parameters: []"), parameters={"x": 1})
    assert (message, hint) == ("tool 't' has no parameter 'x'", None)


def test_the_operation_of_a_tool_is_one_of_its_parameters() -> None:
    manifest = _tool("parameters: [{name: operation, required: true, enum: [add]}]")
    assert _told(manifest, operation="add") == []
    assert _codes(manifest, operation="sub") == ["wrong_parameter"]


def test_a_service_that_says_no_address_cannot_be_called() -> None:
    bare = _SERVICE.replace("base_url: http://localhost:1", "")
    assert _told(_relic(bare), operation="stats") == [
        (
            "no_base_url",
            ("target",),
            "relic 'store' says no 'base_url', so it cannot be called",
            "give its interface one, or say fallback: embedded",
        )
    ]
    assert _told(_relic(f"{bare}\n    fallback: embedded"), operation="stats") == []


@pytest.mark.parametrize(
    ("tool", "action", "seconds"),
    [
        ("resources: {timeout: 5}", {}, 5),
        ("resources: {timeout: 500}", {}, 300),
        ("resources: {timeout: 5}", {"timeout_seconds": 2}, 2),
        ("resources: {timeout: 5}", {"timeout_seconds": 20}, 5),
        ("resources: {timeout: 5}", {"timeout_seconds": None}, 5),
        ("", {"timeout_seconds": None}, None),
        ("", {}, 300),
    ],
)
def test_the_smaller_timeout_wins(tool: str, action: dict[str, Any], seconds: float | None) -> None:
    whole = Action.model_validate({"id": "x", "type": "tool", "target": "t", **action})
    assert _calls(_tool(tool)).adapted(whole).timeout == seconds


def test_a_tool_says_what_repeating_it_does_unless_the_action_does() -> None:
    calls = _calls(_tool("effect: idempotent"))
    plain = Action.model_validate({"id": "x", "type": "tool", "target": "t"})
    said = Action.model_validate({"id": "x", "type": "tool", "target": "t", "effect": "none"})
    assert calls.adapted(plain).world_effect == "idempotent"
    assert calls.adapted(said).world_effect == "none"


def test_a_relic_adds_nothing_to_an_action() -> None:
    action = Action.model_validate({"id": "x", "type": "relic", "target": "kv"})
    assert _calls(_relic(_EMBEDDED)).adapted(action) is action


def test_agents_and_workflows_take_what_they_get() -> None:
    manifest = load("kind: Agent\nname: a\n").manifest
    assert manifest is not None
    assert calls_of(manifest) is None


def test_this_file_needs_no_folder() -> None:
    assert load(_EMBEDDED).folder == Path("/nowhere")
