"""Import cost is a feature: what a command does not need is not imported."""

import subprocess
import sys

import pytest

from tests.cli.conftest import MANIFESTS

LOOK = """
import sys
sys.argv = ["cortex", *{arguments!r}]
try:
    from cortex_cli.__main__ import main
    main()
except SystemExit:
    pass
print(",".join(sorted(name for name in {names!r} if name in sys.modules)), file=sys.stderr)
"""
HEAVY = ["pydantic", "networkx", "rich.live", "anyio", "cel", "httpx2", "msgspec._json", "yaml"]


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_and_version_import_next_to_nothing(arguments: list[str]) -> None:
    assert imported(arguments, HEAVY) == ""


def test_plan_imports_neither_networkx_nor_the_event_loop() -> None:
    heavy = ["networkx", "rich.live", "anyio", "asyncio", "cel", "httpx2"]
    assert imported(["plan", str(MANIFESTS / "research_assistant.yaml")], heavy) == ""


def imported(arguments: list[str], names: list[str]) -> str:
    code = LOOK.format(arguments=arguments, names=names)
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return ended.stderr.strip()
