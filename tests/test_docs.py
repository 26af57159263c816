"""What the documentation shows is what cortex does."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import pytest
import typer.main

from cortex_cli.cli.app import app
from cortex_cli.errors import ManifestError, Problem
from cortex_cli.events import Event
from cortex_cli.kinds import CancelReason, Severity, SkipReason, TerminationReason
from cortex_cli.manifest.load import load_content
from cortex_cli.manifest.open import UnchosenError
from cortex_cli.protocol.action import Action
from cortex_cli.protocol.agent_loop import AgentLoopProtocol
from cortex_cli.session.session import Request, Session
from cortex_cli.settings import Settings
from tests.markdown import PAGES, ROOT, Block, anchors, blocks, links, prose

MANIFESTS = ROOT / "manifests"
GUIDE = ROOT / "docs/protocol-guide.md"
REFERENCE = ROOT / "docs/manifest-reference.md"
CLI = ROOT / "docs/cli-reference.md"
LIBRARY = ROOT / "docs/library.md"

_KINDS = {
    "implementation": "Tool",
    "interface": "Relic",
    "steps": "Workflow",
    "trigger": "Workflow",
}
_COMMAND = re.compile(r"^\$ (.+)$", re.MULTILINE)
_OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][\w-]*")
_CODE = re.compile(r"`([^`\n]+)`")
_SECTION = re.compile(r"^## cortex (\w+)$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def _problems(text: str) -> tuple[Problem, ...]:
    """What is wrong with a block: a whole manifest, a list of actions, or a part of a manifest."""
    if text.startswith("kind:"):
        request = Request(source=text.encode(), cwd=MANIFESTS, environ={"HOME": "/"})
        try:
            return Session.open(request).problems
        except (ManifestError, UnchosenError) as error:
            return error.problems
    if text.startswith("- "):
        text = f"actions:\n{text}"
    kind = next((kind for key, kind in _KINDS.items() if f"{key}:" in text), "Agent")
    content = f"kind: {kind}\nname: part\n{text}".encode()
    return load_content(content, "part", MANIFESTS).problems


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_every_manifest_is_sound_unless_it_is_shown_as_wrong(block: Block) -> None:
    errors = [one for one in _problems(block.text) if one.severity is not Severity.NOTE]
    assert bool(errors) == ("wrong" in block.words), errors


def _shown(commands: str, folder: Path) -> Iterator[str]:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "COLUMNS": "80",
        "PYTHONUTF8": "1",
    }
    for line in _COMMAND.findall(commands):
        program, *arguments = shlex.split(line)
        assert program == "cortex", line
        ran = subprocess.run(
            [sys.executable, "-m", "cortex_cli", *arguments],
            cwd=folder,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        yield f"$ {line}\n"
        yield from (f"{shown.rstrip()}\n" for shown in ran.stdout.splitlines())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the example manifests, and with the files that the pages show."""
    (tmp_path / "manifests").symlink_to(MANIFESTS)
    for block in blocks("yaml"):
        if block.file_name is not None:
            (tmp_path / block.file_name).write_text(block.text, encoding="utf-8")
    return tmp_path


@pytest.mark.no_cover
@pytest.mark.parametrize("block", blocks("console"), ids=str)
def test_every_command_prints_what_is_shown(block: Block, folder: Path) -> None:
    assert "".join(_shown(block.text, folder)) == block.text


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(
    "block", [block for block in blocks("python") if block.page == LIBRARY], ids=str
)
def test_every_program_for_the_library_runs(
    block: Block, backend: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    start = "anyio.run(main)"
    assert start in block.text
    program = block.text.replace(start, f"anyio.run(main, backend={backend!r})")
    exec(compile(program, str(block), "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        path = page.parent / target if target else page
        assert path.exists(), link
        assert not anchor or anchor in anchors(path), link


def _options(command: str) -> set[str]:
    """The options of a command, or of all commands of a group."""
    found = typer.main.get_group(app).commands[command]
    commands = [found, *getattr(found, "commands", {}).values()]
    parameters = [parameter for one in commands for parameter in one.params]
    names = (name for one in parameters for name in (*one.opts, *one.secondary_opts))
    return {name for name in names if name.startswith("--")}


@pytest.mark.parametrize("command", typer.main.get_group(app).commands)
def test_section_of_a_command_names_its_options_and_no_others(command: str) -> None:
    sections = dict(_SECTION.findall(prose(CLI)))
    named = {
        option for code in _CODE.findall(sections[command]) for option in _OPTION.findall(code)
    }
    assert {option for option in named if option.startswith("--")} == _options(command)


def test_settings_of_the_reference_can_be_made() -> None:
    settings = {code for code in _CODE.findall(prose(CLI)) if code.startswith("CORTEX_")}
    assert settings <= {f"CORTEX_{name.upper()}" for name in Settings.model_fields}


def test_every_field_of_actions_and_of_the_protocol_is_in_the_reference() -> None:
    named = set(_CODE.findall(prose(REFERENCE)))
    assert {*Action.model_fields, *AgentLoopProtocol.model_fields} <= named


def test_every_event_and_every_reason_is_in_the_guide() -> None:
    named = set(_CODE.findall(prose(GUIDE)))
    kinds = {str(kind.__struct_config__.tag) for kind in get_args(Event)}
    assert {*kinds, *SkipReason, *CancelReason, *TerminationReason} <= named


def test_pictures_are_made_by_the_script_that_is_named_for_it(tmp_path: Path) -> None:
    script = ROOT / "docs/make_pictures.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    made = sorted(path.name for path in tmp_path.iterdir())
    # The benchmarks draw theirs themselves.
    shown = {path.name for path in (ROOT / "docs/pictures").glob("*.svg")} - {"benchmarks.svg"}
    assert made == sorted(shown)
    for path in tmp_path.iterdir():
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
