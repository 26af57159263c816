"""The prompt files of an agent's persona, read when a model needs them."""

from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from cortex_cli.errors import ManifestError, Problem
from cortex_cli.kinds import Severity
from cortex_cli.manifest.environment import SettingsFiles
from cortex_cli.manifest.models import AgentManifest
from cortex_cli.manifest.program import Program


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """What the files say, empty where there is none."""

    system: str = ""
    agent: str = ""
    user: str = ""
    knowledge: tuple[str, ...] = ()


def read_prompts(program: Program, root: Path) -> Prompts:
    """The prompts of an agent; ManifestError with each file that is missing or can't be used.

    No file outside of the root, a real path, is read.
    """
    manifest = program.manifest
    if not isinstance(manifest, AgentManifest):
        return Prompts()
    files = SettingsFiles(program, root)
    problems: list[Problem] = []

    def read(text: str | None, name: str) -> str:
        content = "" if text is None else files.text(text, ("persona", name))
        if content is None:
            problems.append(replace(files.problems[-1], severity=Severity.ERROR))
        return content or ""

    persona = manifest.persona
    prompts = Prompts(
        system=read(persona.system, "system"),
        agent=read(persona.agent, "agent"),
        user=read(persona.user, "user"),
        knowledge=tuple(read(text, "knowledge") for text in persona.knowledge),
    )
    if problems:
        raise ManifestError(problems)
    return prompts
