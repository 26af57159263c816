"""Time and memory: measured in a process of its own, which must also survive."""

import subprocess
import sys
from typing import NamedTuple

import pytest

MEASURE = """
import resource, sys, time
from cortex_cli.errors import ManifestError
from cortex_cli.manifest.yaml_reader import read_document
MB = 1_000_000
content = eval(sys.argv[1]).encode()
begin = time.process_time()
try:
    document = read_document(content, "f")
    outcome = "read"
except ManifestError as refusal:
    outcome = refusal.problems[0].code
seconds = time.process_time() - begin
print(outcome, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""

BOMB = 10
"""Seconds of CPU that only something that explodes takes, on however busy a machine.

Measured on a quiet one: under 1 s for each megabyte, under 50 ms for the aliases and the merge.
"""


class Measured(NamedTuple):
    """What came of reading, the seconds of CPU it took, and the most memory in MB."""

    outcome: str
    seconds: float
    megabytes: float


def measure(expression: str) -> Measured:
    """Read the content that a Python expression gives, in a process of its own."""
    # Started by a shell of its own, as a child begins with the memory peak of its parent.
    shell = ["/bin/sh", "-c", '"$@"; exit $?', "sh"]
    command = [*shell, sys.executable, "-c", MEASURE, expression]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    outcome, seconds, size = run.stdout.split()
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return Measured(outcome, float(seconds), int(size) / unit)


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("expression", "outcome"),
    [
        ("'a: ' + '[' * 100_000", "yaml_depth"),
        ("'a: ' + '[' * MB", "yaml_depth"),
        ("'a: ' + '[\\n' * 100_000", "yaml_depth"),
        ("'a: ' + '{b: ' * 100_000", "yaml_depth"),
        ("'a:\\n' + '- ' * 100_000", "yaml_depth"),
        ("'? ' * 100_000", "yaml_key"),
        ("''.join(' ' * depth + 'a:\\n' for depth in range(1_500))", "yaml_depth"),
        ("'a: [' + '0,' * (MB // 2)", "yaml_size"),
        ("'a:\\n' * (MB // 3)", "yaml_duplicate_key"),
        ("''.join(f'k{n}:\\n' for n in range(MB // 9)) + 'k1:\\n' * 200", "yaml_duplicate_key"),
        ("'a: [' + '!t x,' * (MB // 5)", "yaml_tag"),
        ("''.join(f'%TAG !a{n}! x\\n' for n in range(MB // 16))", "yaml_tag"),
        ("'\\0' * MB", "yaml_character"),
        ("'a: ' + '9' * MB", "yaml_number"),
        ("'a: &a x\\nb: [' + '*a,' * (MB // 3)", "yaml_alias"),
        ("'\"' + 'k' * MB", "yaml_syntax"),
        ("'a: 😀\\n' + '#\\n' * (MB // 2) + '@'", "yaml_syntax"),
    ],
)
def test_a_megabyte_that_is_no_manifest_is_refused_without_exploding(
    expression: str, outcome: str
) -> None:
    measured = measure(expression)
    assert measured.outcome == outcome
    assert measured.seconds < BOMB
    assert measured.megabytes < 200


def test_nine_levels_of_nine_aliases_are_refused_in_little_space() -> None:
    levels = "''.join(f'b{n}: &a{n} [' + f'*a{n - 1},' * 9 + ']\\n' for n in range(1, 10))"
    measured = measure(f"'a: &a0 [x]\\n' + {levels}")
    assert measured.outcome == "yaml_alias"
    assert measured.seconds < BOMB
    assert measured.megabytes < 50


def test_a_merge_bomb_is_refused_without_exploding() -> None:
    levels = "''.join(f'b{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\\n' for n in range(1, 26))"
    measured = measure(f"'a: &a0 {{x: 1}}\\n' + {levels}")
    assert measured.outcome == "yaml_merge_key"
    assert measured.seconds < BOMB


@pytest.mark.no_cover
def test_twenty_thousand_actions_are_read_in_a_hundred_megabytes() -> None:
    fields = r"name: Action {n}\n  type: tool\n  target: t\n  mode: sync\n  timeout_seconds: {n}\n"
    action = (
        rf"- id: a{{n}}\n  {fields}  parameters: {{{{x: $a{{n}}, y: 1}}}}\n  depends_on: [b{{n}}]\n"
    )
    measured = measure(f"'actions:\\n' + ''.join(f'{action}' for n in range(20_000))")
    assert measured.outcome == "read"
    assert measured.seconds < 2 * BOMB
    assert measured.megabytes < 120
