"""Values that look like manifests from afar, for tests that nothing in them may surprise."""

from typing import Any

from hypothesis import strategies as st

_KEYS = st.sampled_from(
    [
        *("kind", "name", "version", "actions", "steps", "import", "tools", "protocol", "inputs"),
        *("type", "id", "target", "retry", "retry_policy", "cache", "cases", "default", "trigger"),
        *("implementation", "resources", "parameters", "interface", "endpoints", "enum", "env"),
        *("configuration", "error_handling", "secrets", "persona", "context_feeds", "source"),
        *("validation", "pattern", "min", "mode", "max_parallel_actions", "command", "budget"),
        *("PraetorianRelics", "operations", "connection", "memory", "outputs", "environment"),
        *("env_file", "agent", "build", "requirements_file", "operation", "depends_on", "goal"),
    ]
)
_WORDS = st.sampled_from(
    [
        *("Agent", "Tool", "tool", "relic", "workflow", "script", "rest_api", "embedded"),
        *("string", "", "x\n", "$y", "é", "../x", "/", ".", "a b", "con", "${", "0", "sqlite_kv"),
    ]
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    _WORDS,
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=30,
)
_ACTIONS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["tool", "relic", "agent", "internal"]), "id": _WORDS},
        optional={
            "target": _WORDS,
            "parameters": st.dictionaries(_KEYS, _VALUES, max_size=3),
            "operation": _WORDS,
            "mode": _WORDS,
        },
    ),
    max_size=3,
)
_SOUND = st.fixed_dictionaries(
    {"kind": st.sampled_from(["Agent", "Workflow"]), "name": st.just("a"), "actions": _ACTIONS},
    optional={
        "import": st.dictionaries(
            st.sampled_from(["tools", "relics", "agents", "workflows", "monuments"]),
            st.lists(_WORDS, max_size=3),
        ),
        "environment": st.fixed_dictionaries({"env_file": _WORDS}),
        "persona": st.fixed_dictionaries({"agent": _WORDS}),
    },
)


def _of_kind(kind: object, values: dict[str, Any]) -> dict[str, Any]:
    return {**values, "kind": kind}


def _older_form(values: object) -> dict[str, Any]:
    return {"PraetorianRelics": values}


_BROKEN = st.builds(
    _of_kind,
    st.sampled_from(["Agent", "Workflow", "Tool", "Relic", "Monument", 3]),
    st.dictionaries(_KEYS, _VALUES, max_size=8),
)

GARBAGE = st.one_of(_SOUND, _BROKEN, st.builds(_older_form, _VALUES))
"""Mappings that are manifests, nearly manifests, or nothing of the kind."""
