"""JSON Schema: it knows what the models know, short forms included."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cortex_cli.errors import ManifestError
from cortex_cli.kinds import ManifestKind
from cortex_cli.manifest.load import load_file
from cortex_cli.manifest.schema import MODELS, Schema, json_schema, keys_at
from cortex_cli.manifest.yaml_reader import read_file

_SAMPLES = Path(__file__).parents[2] / "manifests"


def _objects(schema: Schema) -> Iterator[Schema]:
    """Every part of a schema that describes a mapping with keys."""
    pending: list[Any] = [schema]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if isinstance(node.get("properties"), dict) and node.get("type") == "object":
                yield node
            pending += [child for key, child in node.items() if key != "default"]
        elif isinstance(node, list):
            pending += node


@pytest.mark.parametrize("kind", [None, *ManifestKind])
def test_every_mapping_is_closed_except_what_is_the_users(kind: ManifestKind | None) -> None:
    schema = json_schema(kind)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    is_open = {
        one["title"] for one in _objects(schema) if one.get("additionalProperties") is not False
    }
    assert is_open <= {"Deployment"}
    assert json.loads(json.dumps(schema)) == schema


def test_every_mapping_has_a_description() -> None:
    schema = json_schema()
    assert all("description" in one for one in _objects(schema))


def test_references_lead_somewhere() -> None:
    text = json.dumps(json_schema())
    names = {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}
    assert names <= json_schema()["$defs"].keys()


def test_the_schema_of_all_kinds_has_each_of_them() -> None:
    schema = json_schema()
    assert len(schema["anyOf"]) == 5
    for kind in ManifestKind:
        model = schema["$defs"][MODELS[kind].__name__]
        assert model["properties"]["kind"]["const"] == kind.value
        assert {"kind", "name"} <= set(model["required"])


def test_a_relic_may_have_the_form_before_the_standard() -> None:
    assert len(json_schema(ManifestKind.RELIC)["anyOf"]) == 2
    assert "PraetorianRelics" in keys_at(json_schema(ManifestKind.RELIC), {}, ())


def test_short_forms_are_known() -> None:
    schema = json_schema(ManifestKind.AGENT)
    action = schema["$defs"]["Action"]
    assert {"retry_count", "retry_policy", "skip_on_error"} <= action["properties"].keys()
    assert {"type": "string"} in action["properties"]["depends_on"]["anyOf"]
    assert action["required"] == ["type"]
    assert action["anyOf"] == [{"required": ["id"]}, {"required": ["name"]}]
    assert {"min", "max", "minimum"} <= schema["$defs"]["Validation"]["properties"].keys()
    agent = schema["$defs"]["AgentManifest"]["properties"]
    [inputs, _] = agent["inputs"]["anyOf"]
    assert "string" in inputs["additionalProperties"]["anyOf"][0]["enum"]
    env_file = agent["environment"]["$ref"].rpartition("/")[2]
    forms = schema["$defs"][env_file]["properties"]["env_file"]["anyOf"]
    assert [form["type"] for form in forms] == ["string", "array"]


@pytest.mark.parametrize(
    ("value", "path", "keys"),
    [
        (
            {"implementation": {"type": "python"}},
            ("implementation",),
            ["build", "entrypoint", "health_check", "resources", "type"],
        ),
        (
            {"parameters": [{"name": "a"}]},
            ("parameters", 0, "validation"),
            ["max", "max_length", "maximum", "min", "min_length", "minimum", "pattern"],
        ),
        ({}, ("parameters", 0, "default"), []),
        ({}, ("metadata", "x"), []),
        ({}, ("outputs", "x"), ["description", "optional", "source"]),
        ({}, ("implementation", "server", "env"), []),
        (
            {},
            ("implementation", "server"),
            ["allow_hosts", "args", "command", "env", "headers", "url"],
        ),
    ],
)
def test_the_keys_at_a_path_depend_on_the_type_there(
    value: dict[str, Any], path: tuple[str | int, ...], keys: list[str]
) -> None:
    assert keys_at(json_schema(ManifestKind.TOOL), value, path) == keys


def test_the_samples_only_use_keys_that_the_schema_knows() -> None:
    files = sorted(_SAMPLES.rglob("*.yaml"))
    assert files
    for path in files:
        document = load_file(path, path.name).document
        schema = json_schema(ManifestKind(document.value["kind"]))
        for place, value in _mappings(document.value):
            known = keys_at(schema, document.value, place)
            assert not known or value.keys() <= set(known), (path.name, place)


def _mappings(value: Any) -> Iterator[tuple[tuple[str | int, ...], dict[str, Any]]]:
    pending: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while pending:
        place, node = pending.pop()
        if isinstance(node, dict):
            yield place, node
            pending += [((*place, key), child) for key, child in node.items()]
        elif isinstance(node, list):
            pending += [((*place, number), child) for number, child in enumerate(node)]


_TESTED = Path(__file__).parents[1] / "manifests"
_SOUND = [
    path
    for folder in (_SAMPLES, _TESTED / "standard")
    for path in sorted(folder.rglob("*"))
    if path.suffix in {".yaml", ".yml"}
]
# Names, types and shapes; what is left takes more than one value, or more than one file, to see.
_SEEN_BY_EDITORS = {
    *("action_id", "action_key", "action_mode", "action_type", "import_key", "input_type"),
    *("key_misspelt", "key_of_another_kind", "kind_missing", "kind_misspelt", "kind_monument"),
    *("name_missing", "protocol_key", "protocol_range", "relic_endpoint_method"),
    *("relic_fallback", "relic_health_check", "relic_interface", "relic_parameter_type"),
    *("relic_praetorian", "reserved_output_key", "retry_range", "timeout_negative"),
    *("tool_build_engine", "tool_runtime_key", "tool_sandbox", "tool_type", "version_unquoted"),
    *("tool_without_entrypoint", "tool_without_implementation", "workflow_on_failure"),
    *("workflow_two_plans", "workflow_without_plan"),
}


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def _written(path: Path) -> Any:
    return read_file(path, path.name).value


@pytest.mark.no_cover
@pytest.mark.parametrize("path", _SOUND, ids=lambda path: str(path.relative_to(_SAMPLES.parent)))
def test_every_sound_manifest_fits_the_schema(validator: Draft202012Validator, path: Path) -> None:
    written = _written(path)
    assert list(validator.iter_errors(written)) == []
    kind = ManifestKind.RELIC if "PraetorianRelics" in written else ManifestKind(written["kind"])
    assert Draft202012Validator(json_schema(kind)).is_valid(written)


def test_the_schema_finds_what_a_schema_can_know(validator: Draft202012Validator) -> None:
    found: set[str] = set()
    for path in sorted((_TESTED / "broken").glob("*.yaml")):
        try:
            if not validator.is_valid(_written(path)):
                found.add(path.stem)
        except ManifestError:
            assert path.stem.startswith("yaml_")
    assert found == _SEEN_BY_EDITORS


@pytest.mark.parametrize(
    "action",
    [
        {"id": "a", "type": "internal", "outputkey": "x"},
        {"id": "a", "type": "internal", "depends_on": 5},
        {"id": "a", "type": "internal", "output_key": "a-b"},
        {"id": "a", "type": "internal", "retry": {"max_attempts": "3"}},
        {"type": "internal"},
    ],
)
def test_an_action_that_does_not_fit_is_found(
    validator: Draft202012Validator, action: dict[str, Any]
) -> None:
    assert not validator.is_valid({"kind": "Agent", "name": "a", "actions": [action]})
