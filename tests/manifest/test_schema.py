"""JSON Schema: it knows what the models know, short forms included."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cortex_cli.kinds import ManifestKind
from cortex_cli.manifest.load import load_file
from cortex_cli.manifest.schema import MODELS, Schema, json_schema, keys_at

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
