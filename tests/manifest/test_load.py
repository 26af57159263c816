"""One file: its kind, the mistakes in it, all told at once and where they are."""

import time

import pytest

from cortex_cli.kinds import Effect, OnFailure, Severity
from cortex_cli.manifest.models import AgentManifest, WorkflowManifest
from cortex_cli.manifest.relic_models import RelicManifest, RestInterface
from cortex_cli.manifest.tool_models import ScriptImplementation, ToolManifest
from tests.manifest.trees import agent, load, problems_of, told

_KINDS = "kind may be Agent, Workflow, Tool or Relic"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: a", f"1:1: 'kind' is missing; {_KINDS}"),
        ("kind: Agnet", f"1:7: 'kind' cannot be 'Agnet'; did you mean 'Agent'? {_KINDS}"),
        ("kind: tool", f"1:7: 'kind' cannot be 'tool'; did you mean 'Tool'? {_KINDS}"),
        ("kind: 3", f"1:7: 'kind' cannot be 3; {_KINDS}"),
        ("kind: [Agent]", f"1:7: 'kind' cannot be a list; {_KINDS}"),
        ("kind: Monument", f"1:7: a manifest of kind Monument cannot be run; {_KINDS}"),
        ("kind: Amulet", f"1:7: a manifest of kind Amulet cannot be run; {_KINDS}"),
    ],
)
def test_a_kind_beyond_the_four_gives_one_line(text: str, message: str) -> None:
    assert told(f"{text}\nsurely: wrong\n") == [message]


@pytest.mark.parametrize(
    "action_id", ["../x", "a/b", "", "x" * 10_240, r'"a\u0007b"', r'"a\nb"', "é", "a b", "1a"]
)
def test_an_id_that_is_no_plain_name_is_an_error_on_one_short_line(action_id: str) -> None:
    [line] = told(agent(f"{{id: {action_id or repr('')}, type: internal}}"))
    assert line.startswith("4:10: an id is a letter or '_', then up to 127 letters")
    assert line.isprintable()
    assert len(line) < 200


@pytest.mark.parametrize("action_id", ["CON", "nul", "Com1", "LPT9"])
def test_an_id_that_is_a_device_on_windows_is_an_error(action_id: str) -> None:
    [line] = told(agent(f"{{id: {action_id}, type: internal}}"))
    assert line == (
        f"4:10: the id '{action_id}' is the name of a device on Windows; give the action another"
    )


def test_ids_that_differ_in_their_case_only_are_an_error() -> None:
    [line] = told(agent("{id: Fetch, type: internal}", "{id: fetch, type: internal}"))
    assert line == (
        "5:10: the ids 'Fetch' and 'fetch' are too much alike; give one of the actions another"
    )


@pytest.mark.parametrize(
    ("first", "second"), [("ﬁne", "fine"), ("e\u0301t", "ét"), ("\uff38", "X")]
)
def test_names_that_are_equal_after_normalisation_are_an_error(first: str, second: str) -> None:
    problems = problems_of(
        agent(
            f"{{id: a, name: '{first}', type: internal}}",
            f"{{id: b, name: '{second}', type: internal}}",
        )
    )
    assert [problem.code for problem in problems] == ["lookalike"]
    assert problems[0].line == 5


def test_a_name_that_makes_an_id_of_a_device_is_told_at_the_name() -> None:
    [line] = told(agent("{type: internal, name: Con}"))
    assert line.startswith("4:28: the id 'con' is the name of a device")


def test_a_name_that_makes_no_id_asks_for_one() -> None:
    [line] = told(agent("{type: internal, name: '日本'}"))
    assert line == "4:5: the name '日本' makes no id: give the action an 'id'"


def test_control_characters_in_a_name_are_kept() -> None:
    loaded = load(agent(r'{id: a, name: "x\u001b[2Jy", type: internal}'))
    assert isinstance(loaded.manifest, AgentManifest)
    assert loaded.problems == ()
    assert loaded.manifest.actions is not None
    assert loaded.manifest.actions[0].name == "x\x1b[2Jy"


def test_a_tool_in_the_standards_words_loads() -> None:
    loaded = load("""
        kind: Tool
        version: "1.0"
        name: moods
        summary: Tells the mood of a text
        author: SOMEBODY
        state: stable
        returns: An object with a mood
        implementation:
          type: script
          runtime: python3
          entrypoint: ./scripts/moods.py
          resources: {memory: 512M, cpu: "0.5", timeout: 30}
          build: {engine: pip, requirements_file: ./requirements.txt, cache_dependencies: true}
          health_check:
            type: script
            command: python3 ./scripts/moods.py --health-check
            expected_exit_code: 0
            expected_output_contains: healthy
        parameters:
          - {name: text, type: string, required: true, validation: {min_length: 1}}
          - {name: limit, type: integer, required: false, default: 3, validation: {min: 1, max: 9}}
        examples:
          - {description: One, input: {text: fine}}
        environment:
          variables: {LOG_LEVEL: INFO}
        tags: [text]
        effect: none
        """)
    assert loaded.problems == ()
    assert isinstance(loaded.manifest, ToolManifest)
    assert isinstance(loaded.manifest.implementation, ScriptImplementation)
    assert loaded.manifest.implementation.resources.memory_bytes == 512 * 1024**2
    assert loaded.manifest.timeout == 30
    assert loaded.manifest.effect is Effect.NONE
    assert loaded.manifest.parameters is not None
    assert [one.is_required for one in loaded.manifest.parameters] == [True, False]
    assert loaded.manifest.parameters[1].validation.maximum == 9


def test_an_agent_in_the_standards_words_loads() -> None:
    loaded = load("""
        kind: Agent
        version: "1.0"
        name: processor
        summary: Processes
        author: SOMEBODY
        state: stable
        persona: {agent: ./a.md, user: ./u.md, knowledge: ./k.md}
        agency_level: loose
        grade: rare
        iteration_cap: 20
        cognitive_engine:
          primary: {provider: google, model: some-model}
          fallback: {provider: ollama, model: "other:70b"}
          parameters: {temperature: 0.5, top_p: 0.9, max_tokens: 8192, stream: true}
        import:
          agents: [./agents/analyzer/agent.yml]
          tools: [calculator]
        context_feeds:
          - id: stats
            type: periodic
            interval: 60
            source: {type: relic, name: cache, action: get_stats, params: {size: true}}
        environment:
          env_file: [.env, .env.local]
          variables: {WORKSPACE: $HOME/agents/$AGENT_NAME}
          resources: {limits: {cpu: "4.0", memory: 8Gi}}
        metrics: {track: true}
        tags: [a]
        """)
    assert loaded.problems == ()
    assert isinstance(loaded.manifest, AgentManifest)
    assert loaded.manifest.environment.env_file == (".env", ".env.local")
    assert loaded.manifest.persona.knowledge == ("./k.md",)
    assert loaded.manifest.actions is None


def test_a_workflow_in_the_standards_words_loads() -> None:
    loaded = load("""
        kind: Workflow
        version: "1.0"
        name: cleanup
        trigger:
          type: scheduled
          schedule: "0 */6 * * *"
          event: cleanup.now
          parameters: {days: integer, text: {type: string, description: What}}
        steps:
          - name: get stats
            type: relic
            target: cache
            parameters: {action: get_stats}
            on_failure: continue
          - name: done
            type: internal
            condition: "$(steps.get_stats.status) == 'success'"
            retry_policy: {max_attempts: 3, backoff: exponential}
        configuration:
          timeout: 300
          default_retry_policy: {max_attempts: 2, backoff: linear}
          error_handling: {on_step_failure: abort}
          observability: {log_level: INFO}
        outputs:
          count: {source: steps.done.count, description: How many, optional: true}
        import:
          relics: [../relic.yml]
        """)
    assert loaded.problems == ()
    assert isinstance(loaded.manifest, WorkflowManifest)
    assert loaded.manifest.steps is not None
    assert [step.id for step in loaded.manifest.steps] == ["get_stats", "done"]
    assert loaded.manifest.steps[0].on_failure is OnFailure.CONTINUE
    assert loaded.manifest.trigger.parameters is not None
    assert loaded.manifest.trigger.parameters["days"].type == "integer"


def test_a_relic_in_the_standards_words_loads() -> None:
    loaded = load("""
        kind: Relic
        name: cache
        service_type: cache
        interface:
          type: rest_api
          base_url: "${CACHE_URL:-http://localhost:8005}"
          endpoints:
            - name: store
              method: POST
              path: /store
              parameters:
                key: {type: string, required: true}
                ttl: {type: integer, description: Seconds, default: 3600}
            - {name: get, path: "/get/{key}", parameters: {key: string}}
            - {name: size, method: GET, path: /size, description: How many}
        health_check: {type: api_request, endpoint: /health, method: GET, expected_status: 200}
        persistence: {type: persistent_volume, size: 2Gi}
        deployment: {type: docker, docker_compose_file: ./docker-compose.yml}
        automation: {scheduled_workflows: []}
        """)
    assert loaded.problems == ()
    assert isinstance(loaded.manifest, RelicManifest)
    assert isinstance(loaded.manifest.interface, RestInterface)
    store, get, _ = loaded.manifest.interface.endpoints
    assert {name: one.required for name, one in store.parameters.items()} == {
        "key": True,
        "ttl": False,
    }
    assert get.parameters["key"].required


def test_imports_without_effect_are_noted() -> None:
    text = "kind: Agent\nname: a\nimport:\n  monuments: [x]\n  amulets: [y]\n"
    assert told(text) == [
        "5:12: note: 'import.amulets' has no effect: cortex has no amulets",
        "4:14: note: 'import.monuments' has no effect: cortex has no monuments",
    ]


def test_what_is_sound_of_a_broken_file_is_kept_for_further_checks() -> None:
    loaded = load(
        agent(
            "{id: a, type: tool, target: x, timeout_seconds: -1, output_key: k}",
            "{id: b, type: tol, target: x, cases: 1}",
            "{type: internal}",
            "5",
            head="goal: 3\n",
        )
    )
    assert isinstance(loaded.manifest, AgentManifest)
    assert loaded.manifest.actions is not None
    assert [action.id for action in loaded.manifest.actions] == [
        "a",
        "b",
        "actions_2",
        "actions_3",
    ]
    assert loaded.manifest.actions[0].output_key == "k"
    assert loaded.manifest.goal is None
    assert len(loaded.problems) == 6


def test_a_broken_action_keeps_the_id_that_others_depend_on() -> None:
    loaded = load(agent("{id: a, type: internal, depends_on: {}, cases: [{}]}"))
    assert isinstance(loaded.manifest, AgentManifest)
    assert loaded.manifest.actions is not None
    assert [action.id for action in loaded.manifest.actions] == ["a"]


@pytest.mark.parametrize(
    "line",
    [
        *("import: {tools: 5}", "imprt: {}", "inputs: 3", "environment: 3"),
        *("secrets: {TOKEN: {evn: X}}", "context_feeds: [{id: f}]", "context_fed: []"),
        *("protocol: {resources: {gpu: 0}}", "protocol: {resorces: {gpu: 1}}"),
    ],
)
def test_nothing_is_kept_where_much_hangs_on_the_mistake(line: str) -> None:
    assert load(f"kind: Agent\nname: a\n{line}\n").manifest is None


@pytest.mark.parametrize("setting", ["max_parallel: 3", "mode: fast", "fail_fast: 3"])
def test_of_a_protocol_what_is_sound_is_kept(setting: str) -> None:
    text = f"kind: Agent\nname: a\nprotocol: {{resources: {{gpu: 1}}, {setting}}}\n"
    kept = load(text).manifest
    assert isinstance(kept, AgentManifest)
    assert list(kept.protocol.shared) == ["gpu"]


def test_two_ways_to_say_one_thing_leave_nothing_to_keep() -> None:
    assert load("kind: Workflow\nname: a\n").manifest is None


def test_a_mistake_that_hides_another_leaves_nothing_to_keep() -> None:
    text = "kind: Workflow\nname: a\ntrigger: {}\nstps: []\n"
    loaded = load(text)
    assert loaded.manifest is None
    assert told(text) == ["4:1: unknown key 'stps'; did you mean 'steps'?"]


def test_imports_are_known_even_of_a_file_that_is_not_kept() -> None:
    loaded = load("kind: Agent\nname: 3\nimport: {tools: [x]}\n")
    assert loaded.manifest is None
    assert loaded.imports.tools == ("x",)


def test_too_many_mistakes_are_cut_with_a_note() -> None:
    problems = problems_of(agent(*["{type: internal}"] * 500))
    assert len(problems) == 101
    assert problems[-1].severity is Severity.NOTE
    assert problems[-1].message == "there are more problems: 100 are told"


def test_a_collection_that_is_far_too_long_is_one_error() -> None:
    text = f"kind: Agent\nname: a\nimport:\n  tools: [{'x,' * 10_001}]\n"
    assert told(text) == ["4:10: 'import.tools' has more than 10,000 entries"]


def test_what_has_no_effect_may_be_long() -> None:
    assert told(f"kind: Agent\nname: a\ntags: [{'x,' * 10_001}]\n") == []


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "text",
    [
        "kind: Agent\nname: a\nactions: [" + "{}," * 300_000 + "]\n",
        "kind: Agent\nname: a\nimport: {" + ",".join(f"k{i}: 1" for i in range(9_000)) + "}\n",
        "kind: Agent\nname: a\nimport: {tools: ["
        + "1," * 9_000
        + "], agents: ["
        + "1," * 9_000
        + "]}",
        "kind: Agent\nname: a\n" + "".join(f"k{i}: 1\n" for i in range(9_000)),
    ],
)
def test_a_megabyte_of_mistakes_is_told_quickly(text: str) -> None:
    started = time.process_time()
    problems = problems_of(text)
    assert time.process_time() - started < 5
    assert 0 < len(problems) <= 101
