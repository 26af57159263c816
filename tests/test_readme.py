"""The program in the README does what the README says of it."""

import subprocess
import sys

import pytest

from tests.markdown import ROOT, blocks

_START = {"asyncio": "anyio.run(main)", "trio": 'anyio.run(main, backend="trio")'}


def _in_readme(language: str) -> list[str]:
    return [block.text for block in blocks(language) if block.page == ROOT / "README.md"]


@pytest.mark.parametrize("backend", _START)
def test_program_prints_what_the_readme_shows(backend: str) -> None:
    [program], [shown] = _in_readme("python"), _in_readme("text")
    assert program.endswith(f"\n{_START['asyncio']}\n")
    started = program.replace(_START["asyncio"], _START[backend])
    command = [sys.executable, "-W", "error", "-c", started]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    # The two that are fetched at once may come in either order.
    assert (sorted(ran.stdout.splitlines()), ran.stderr) == (sorted(shown.splitlines()), "")
