"""A command is a list of arguments with references, or a line for the shell without any."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cortex_cli.actions.command import CommandTool
from cortex_cli.actions.command_check import check_command
from cortex_cli.engine.ports import ActionCall
from cortex_cli.errors import ActionError, Finding
from cortex_cli.manifest.tool_models import ToolManifest
from cortex_cli.testing import RecordingReporter, make_call
from cortex_cli.testing.handler_contract import (
    check_cancellation_is_prompt,
    check_failure_is_an_action_error,
    check_output_is_json,
)

Make = Callable[..., CommandTool]
ARGUMENTS = [sys.executable, "-S", "-c", "import json, sys; print(json.dumps(sys.argv[1:]))"]
FREE_TEXT = ["a b", '"; touch x #', "$(id)", "`id`", "${secrets.KEY}", "{{7*7}}", "-rf", "é\n", ""]


def declare(
    command: Any, parameters: Any = None, *, shell: bool = False, **keys: Any
) -> ToolManifest:
    return ToolManifest.model_validate(
        {
            "kind": "Tool",
            "name": "worker",
            "parameters": parameters,
            "implementation": {"type": "command", "command": command, "shell": shell},
            **keys,
        }
    )


@pytest.fixture
def command(tmp_path: Path, survivors: Any) -> Make:
    def make(command: Any, parameters: Any = None, *, shell: bool = False) -> CommandTool:
        environment = {**survivors.env, "PLACE": "Rome"}
        manifest = declare(command, parameters, shell=shell)
        return CommandTool(
            manifest, tmp_path, environment=environment, base=tmp_path, grace_seconds=0.2
        )

    return make


async def failure(tool: CommandTool, call: ActionCall | None = None) -> ActionError:
    return await check_failure_is_an_action_error(tool, call or make_call())


@pytest.mark.parametrize("text", FREE_TEXT)
async def test_parameter_is_one_argument_whatever_it_holds(text: str, command: Make):
    tool = command([*ARGUMENTS, "$text", "x=${text}!", "${inputs.text}"])
    assert await tool.run(make_call({"text": text})) == [text, f"x={text}!", text]


@pytest.mark.parametrize(
    ("value", "argument"),
    [
        (None, ""),
        (True, "true"),
        (1.5, "1.5"),
        ([1, "a b"], '[1,"a b"]'),
        ({"a": None}, '{"a":null}'),
    ],
)
async def test_value_that_is_no_text_is_one_argument_of_json(
    value: Any, argument: str, command: Make
):
    assert await command([*ARGUMENTS, "$value"]).run(make_call({"value": value})) == [argument]


async def test_reference_may_go_into_a_value(command: Make):
    tool = command([*ARGUMENTS, "${page.links[0]}", "${page.gone:-none}", "${NO_NAME:-none}"])
    assert await tool.run(make_call({"page": {"links": ["a"]}})) == ["a", "none", "none"]


async def test_parameter_that_is_not_given_is_an_empty_argument(command: Make):
    tool = command([*ARGUMENTS, "$note", "${note:-none}"], [{"name": "note"}])
    assert await tool.run(make_call()) == ["", "none"]


async def test_names_are_parameters_then_variables_then_the_environment(
    command: Make, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PLACE", "Paris")
    monkeypatch.setenv("OUTSIDE", "process")
    tool = command([*ARGUMENTS, "$PLACE", "$GIVEN", "$OUTSIDE", "${env.PLACE}"])
    call = make_call(env={"GIVEN": "action"})
    assert await tool.run(call) == ["Rome", "action", "process", "Rome"]
    assert await tool.run(make_call({"PLACE": "Oslo", "GIVEN": "x"})) == [
        "Oslo",
        "x",
        "process",
        "Rome",
    ]


async def test_run_is_known_to_the_command(command: Make, tmp_path: Path):
    tool = command([*ARGUMENTS, "${run.id}", "${run.dir}"])
    assert await tool.run(make_call(run_dir=tmp_path)) == ["run-1", str(tmp_path)]
    assert await tool.run(make_call()) == ["run-1", ""]


@pytest.mark.parametrize(
    ("text", "output"),
    [("42\n", 42), ('{"a": 1}', {"a": 1}), ("two\nlines\n", "two\nlines"), ("", "")],
)
async def test_output_is_json_or_text(text: str, output: Any, command: Make):
    tool = command(["printf", "%s", "$text"])
    assert await tool.run(make_call({"text": text})) == output
    await check_output_is_json(tool, make_call({"text": text}))


async def test_exit_code_is_a_failure_with_the_last_line_on_standard_error(command: Make):
    error = await failure(command(["sh", "-c", "echo first >&2; echo reason >&2; exit 3"]))
    assert str(error) == "exit code 3: reason"
    assert error.error_type == "exit_status"


async def test_missing_program_is_named(command: Make):
    error = await failure(command(["no-such-program", "$x"]), make_call({"x": 1}))
    assert (error.error_type, error.retryable) == ("not_found", False)


async def test_nul_in_a_parameter_is_refused(command: Make):
    error = await failure(command(["echo", "$x"]), make_call({"x": "a\0b"}))
    assert str(error) == "argument 1 of 'echo' holds a NUL character"


async def test_parameters_are_checked(command: Make):
    tool = command(["echo", "$count"], [{"name": "count", "type": "integer"}])
    assert (await failure(tool, make_call({"count": "x"}))).error_type == "parameters"


async def test_name_that_nobody_provides_is_refused(command: Make):
    error = await failure(command(["echo", "$patern"]), make_call({"pattern": "x"}))
    assert str(error) == "nothing provides 'patern' to the command; did you mean 'pattern'?"
    assert (error.error_type, error.retryable) == ("unknown_reference", False)


async def test_command_that_hangs_ends_with_its_action(command: Make, survivors: Any):
    report = RecordingReporter()
    await check_cancellation_is_prompt(
        command(["sh", "-c", "trap '' TERM; echo ready >&2; sleep 99; sleep 99"]),
        make_call(report=report),
        when_running=lambda: bool(report.steps),
        leaves_nothing=lambda: survivors() == [],
    )


# For the shell


async def test_line_for_the_shell_takes_parameters_from_the_environment(
    command: Make, tmp_path: Path
):
    tool = command(
        'printf "%s|%s|%s" "$INPUT_THE_TEXT" "$INPUT_LIST" "${INPUT_NOTE-unset}"',
        [{"name": "the-text"}, {"name": "list", "type": "array"}, {"name": "note"}],
        shell=True,
    )
    given = {"the-text": '"; touch x #', "list": [1, 2]}
    assert await tool.run(make_call(given)) == '"; touch x #|[1,2]|unset'
    assert not (tmp_path / "x").exists()


async def test_line_for_the_shell_may_use_the_shell(command: Make):
    tool = command('for index in 1 2; do echo "$index$PLACE$(echo !)"; done | sort -r', shell=True)
    assert await tool.run(make_call()) == "2Rome!\n1Rome!"


async def test_reference_to_a_parameter_in_a_line_for_the_shell_never_runs(
    command: Make, tmp_path: Path
):
    tool = command("touch x; echo $text", shell=True)
    error = await failure(tool, make_call({"text": "a"}))
    assert str(error) == (
        "a line for the shell cannot hold the reference $text; "
        'use the environment: write "$INPUT_TEXT"'
    )
    assert not (tmp_path / "x").exists()


def messages(manifest: ToolManifest) -> list[str]:
    return [str(finding.at()) for finding in check_command(manifest)]


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("$text", 'use the environment: write "$INPUT_TEXT"'),
        ("${text}", 'use the environment: write "$INPUT_TEXT"'),
        ("${text:-none}", 'use the environment: write "$INPUT_TEXT"'),
        ("${inputs.text}", 'use the environment: write "$INPUT_TEXT"'),
        ("$(inputs.text)", 'use the environment: write "$INPUT_TEXT"'),
        ("$(steps.fetch.title)", "give it to the action as a variable, with 'env'"),
        ("${secrets.KEY}", "give it to the action as a variable, with 'env'"),
        ("${run.id}", "give it to the action as a variable, with 'env'"),
        ("$(env.HOME)", "give it to the action as a variable, with 'env'"),
        ("$inputs", "give it to the action as a variable, with 'env'"),
        ("${page.title}", "give it to the action as a variable, with 'env'"),
    ],
)
def test_reference_in_a_line_for_the_shell_is_an_error(reference: str, hint: str):
    manifest = declare(f"echo {reference} | wc", [{"name": "text"}], shell=True)
    message = f"a line for the shell cannot hold the reference {reference}; {hint}"
    assert messages(manifest) == [message]


@pytest.mark.parametrize(
    "line",
    [
        'echo "$INPUT_TEXT" "$HOME" "${HOME}" "${HOME:-/}" "${HOME%/*}"',
        'for item in a b; do echo "$item" $run; done',
        "echo $(date +%s) $(date) $(deploy.sh) $$ $? $1 $((1 + 2)) `id` $",
    ],
)
def test_what_is_the_shells_own_is_left_alone(line: str):
    assert messages(declare(line, [{"name": "text"}], shell=True)) == []


def test_command_is_a_list_unless_it_is_for_the_shell():
    assert messages(declare("grep -c x")) == [
        "a command is a list of arguments; write command: ['grep', '-c', 'x'], or set 'shell: true'"
    ]
    assert messages(declare(["grep", "x"], shell=True)) == [
        "the command of 'shell: true' is one text; write it as one text, or leave out 'shell'"
    ]


def test_unknown_and_malformed_references_are_found_with_their_places():
    manifest = declare(
        ["grep", "${pattern", "$patern", "${inputs.patern}", "$PLACE", "$PATH"],
        [{"name": "pattern"}],
        environment={"variables": {"PLACE": "Rome"}},
    )
    found = check_command(manifest)
    assert [(finding.code, finding.path[-1]) for finding in found] == [
        ("reference_syntax", 1),
        ("unknown_reference", 2),
        ("unknown_inputs", 3),
    ]
    assert found[0].path == ("implementation", "command", 1)
    assert [finding.hint for finding in found[1:]] == ["did you mean 'pattern'?"] * 2


def test_names_are_free_where_no_parameters_are_declared():
    assert check_command(declare(["echo", "$anything", "${inputs.anything}"])) == []
    assert [finding.code for finding in check_command(declare(["echo", "${"]))] == [
        "reference_syntax"
    ]


def test_tool_of_another_type_has_no_command_to_check():
    manifest = ToolManifest.model_validate(
        {
            "kind": "Tool",
            "name": "worker",
            "implementation": {"type": "script", "entrypoint": "main.py"},
        }
    )
    found: list[Finding] = check_command(manifest)
    assert found == []
