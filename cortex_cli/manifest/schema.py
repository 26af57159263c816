"""The kinds of manifests and their models; JSON Schema made from them, for editors and for hints."""

from collections.abc import Iterator, Sequence
from typing import Any

from cortex_cli.ids import ACTION_ID, OUTPUT_KEY, RESERVED_KEYS
from cortex_cli.kinds import ManifestKind
from cortex_cli.manifest.models import AgentManifest, WorkflowManifest
from cortex_cli.manifest.parameters import Declaration, is_mapping
from cortex_cli.manifest.relic_models import RelicManifest
from cortex_cli.manifest.tool_models import ToolManifest
from cortex_cli.protocol.action import MAX_ATTEMPTS

Manifest = AgentManifest | WorkflowManifest | ToolManifest | RelicManifest

MODELS: dict[ManifestKind, type[Manifest]] = {
    ManifestKind.AGENT: AgentManifest,
    ManifestKind.WORKFLOW: WorkflowManifest,
    ManifestKind.TOOL: ToolManifest,
    ManifestKind.RELIC: RelicManifest,
}

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_DEFINITIONS = "#/$defs/"

Schema = dict[str, Any]


def json_schema(kind: ManifestKind | None = None) -> Schema:
    """JSON Schema (2020-12) of the manifests of a kind, or of all kinds; short forms included."""
    from pydantic.json_schema import models_json_schema

    from cortex_cli.manifest.praetorian import PraetorianFile

    models: list[type[Declaration]] = [MODELS[kind]] if kind else list(MODELS.values())
    if kind in {None, ManifestKind.RELIC}:
        models.append(PraetorianFile)
    references, definitions = models_json_schema([(model, "validation") for model in models])
    parts: Schema = definitions["$defs"]
    _add_short_forms(parts)
    choices = [references[model, "validation"] for model in models]
    root: Schema = choices[0] if len(choices) == 1 else {"anyOf": choices}
    title = f"cortex {kind.value if kind else 'manifest'}"
    return {"$schema": _DIALECT, "title": title, **root, "$defs": parts}


def _add_short_forms(parts: Schema) -> None:
    """Add what the models check by code: other names, names' spelling, which keys need others."""
    bounds = parts["Validation"]["properties"]
    bounds |= {"min": bounds["minimum"], "max": bounds["maximum"]}
    action = parts.get("Action")
    if action is None:
        return
    fields = action["properties"]
    fields["retry_policy"] = fields["retry"]
    fields["retry_count"] = {"type": "integer", "minimum": 0, "maximum": MAX_ATTEMPTS - 1}
    fields["skip_on_error"] = {"type": "boolean"}
    for name in ("depends_on", "fallback"):
        fields[name] = {"anyOf": [{"type": "string"}, fields[name]]}
    action["required"] = ["type"]
    action["anyOf"] = [{"required": ["id"]}, {"required": ["name"]}]
    fields["id"]["pattern"] = f"^{ACTION_ID.pattern}$"
    fields["output_key"] |= {
        "pattern": f"^{OUTPUT_KEY.pattern}$",
        "not": {"enum": sorted(RESERVED_KEYS)},
    }
    if "WorkflowManifest" in parts:
        plans = [{"required": ["actions"]}, {"required": ["steps"]}]
        parts["WorkflowManifest"]["oneOf"] = plans


def keys_at(schema: Schema, value: Any, path: Sequence[str | int]) -> list[str]:
    """The keys that a mapping at a path may have, `value` being the document; sorted.

    Where the document's `type` or `kind` chooses between forms, only those of the chosen one.
    """
    nodes = [schema]
    for step in path:
        nodes = [below for node in _fitting(nodes, value, schema) for below in _below(node, step)]
        value = _child(value, step)
    fitting = _fitting(nodes, value, schema)
    return sorted({key for node in fitting for key in node.get("properties", {})})


def _fitting(nodes: Sequence[Schema], value: Any, schema: Schema) -> list[Schema]:
    plain = [form for node in nodes for form in _forms(node, schema["$defs"])]
    return [form for form in plain if not _contradicts(form, value)]


def _forms(node: Schema, definitions: Schema) -> Iterator[Schema]:
    """The alternatives of a node, with its references followed."""
    if "$ref" in node:
        node = definitions[node["$ref"].removeprefix(_DEFINITIONS)]
    yield node
    for choice in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from _forms(choice, definitions)


def _contradicts(form: Schema, value: Any) -> bool:
    if not is_mapping(value):
        return False
    return any(
        "const" in field and key in value and value[key] != field["const"]
        for key, field in form.get("properties", {}).items()
    )


def _below(node: Schema, step: str | int) -> Iterator[Schema]:
    found = node.get("items") if isinstance(step, int) else node.get("properties", {}).get(step)
    if found is None and isinstance(step, str):
        found = node.get("additionalProperties")
    if is_mapping(found):
        yield found


def _child(value: Any, step: str | int) -> Any:
    try:
        return value[step]
    except (LookupError, TypeError):
        return None
