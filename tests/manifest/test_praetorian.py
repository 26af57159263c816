"""Relics in the form that came before the standard."""

from pathlib import Path

import pytest

from cortex_cli.kinds import ActionType
from cortex_cli.manifest.program import RelicTarget
from cortex_cli.manifest.relic_models import RelicManifest, RestInterface
from tests.manifest.trees import agent, all_told, compiled, load, told

_RELIC = """\
    PraetorianRelics:
      NotesStore:
        version: "1.0.0"
        author: SOMEBODY
        name: notes
        description: Keeps notes
        tags: [storage]
        type: api
        deployment: {engine: docker-compose, compose_file: docker-compose.yml, env_file: .env}
        health_check: {type: api_request, endpoint: /health, method: GET, expected_status: 200}
        connection: {protocol: http, base_url: "${NOTES_URL:-http://localhost:8005}"}
        capabilities_endpoint: /capabilities
        operations:
          - name: set_note
            description: Sets a note
            endpoint: /set
            method: POST
            parameters_schema:
              type: object
              properties:
                key: {type: string}
                value: {type: object, description: What}
                ttl: {type: integer, default: 5}
              required: [key, value]
          - {name: list_notes, endpoint: /list}
    """


def test_it_is_read_as_a_relic() -> None:
    loaded = load(_RELIC)
    assert loaded.problems == ()
    relic = loaded.manifest
    assert isinstance(relic, RelicManifest)
    assert (relic.name, relic.version, relic.author) == ("notes", "1.0.0", "SOMEBODY")
    assert relic.deployment is not None
    assert relic.deployment.type == "external"
    assert relic.health_check is not None
    assert relic.health_check.endpoint == "/health"
    assert isinstance(relic.interface, RestInterface)
    assert relic.interface.base_url == "${NOTES_URL:-http://localhost:8005}"
    set_note, list_notes = relic.interface.endpoints
    assert (set_note.name, set_note.method, set_note.path) == ("set_note", "POST", "/set")
    assert {name: one.required for name, one in set_note.parameters.items()} == {
        "key": True,
        "value": True,
        "ttl": False,
    }
    assert (list_notes.method, list_notes.parameters) == ("GET", {})


def test_without_a_name_it_is_called_what_its_key_says() -> None:
    loaded = load(_RELIC.replace("name: notes\n", "state: stable\n"))
    assert loaded.manifest is not None
    assert loaded.manifest.name == "NotesStore"


def test_without_a_deployment_it_has_none() -> None:
    lines = [line for line in _RELIC.splitlines() if "deployment" not in line]
    relic = load("\n".join(lines)).manifest
    assert isinstance(relic, RelicManifest)
    assert relic.deployment is None


def test_an_agent_calls_it_by_its_name(tmp_path: Path) -> None:
    files = {
        "m.yaml": agent(
            "{id: a, type: relic, target: notes, operation: set_note, parameters: {key: k, value: {}}}",
            head="import: {relics: [r.yml]}",
        ),
        "r.yml": _RELIC,
    }
    program, problems = compiled(tmp_path, files)
    assert problems == []
    assert isinstance(program.lookup(ActionType.RELIC, "notes"), RelicTarget)


def test_its_calls_are_checked(tmp_path: Path) -> None:
    files = {
        "m.yaml": agent(
            "{id: a, type: relic, target: notes, operation: set_note, parameters: {key: k}}",
            head="import: {relics: [r.yml]}",
        ),
        "r.yml": _RELIC,
    }
    assert all_told(tmp_path, files) == [
        "m.yaml:4:74: operation 'set_note' of relic 'notes' needs the parameter 'value'"
    ]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "author:",
            "autor:",
            "4:5: unknown key 'autor' in 'PraetorianRelics.NotesStore'; did you mean 'author'?",
        ),
        (
            "endpoint: /set\n",
            "path: /set\n",
            (
                "16:9: unknown key 'path' in 'PraetorianRelics.NotesStore.operations[0]'; the keys here"
                " are description, endpoint, method, name, parameters_schema and returns"
            ),
        ),
        (
            "required: [key, value]",
            "required: [key, valu]",
            "24:11: 'required' names 'valu', which is not among the 'properties'",
        ),
        (
            "name: list_notes",
            "name: set_note",
            "3:5: two of the 'endpoints' are called 'set_note'",
        ),
        (
            "PraetorianRelics:",
            "tags: 1\n    PraetorianRelics:",
            "1:1: unknown key 'tags'",
        ),
    ],
)
def test_its_mistakes_are_told_at_their_place(old: str, new: str, line: str) -> None:
    assert line in told(_RELIC.replace(old, new, 1))


@pytest.mark.parametrize("count", [0, 2])
def test_a_file_holds_one_relic(count: int) -> None:
    relic = "{connection: {base_url: x}, operations: [{name: a, endpoint: /a}]}"
    relics = ", ".join(f"R{number}: {relic}" for number in range(count))
    [line] = told(f"PraetorianRelics: {{{relics}}}")
    assert line == f"1:1: 'PraetorianRelics' must hold one relic, not {count}"
