"""The files that a manifest's settings come from: variables, prompts, requirements."""

import re
from pathlib import Path
from typing import Protocol

from cortex_cli.errors import Finding, ManifestError, Problem
from cortex_cli.kinds import Severity
from cortex_cli.manifest.document import Document, Step
from cortex_cli.manifest.files import read_bytes
from cortex_cli.manifest.locate import to_problems
from cortex_cli.manifest.models import AgentManifest
from cortex_cli.manifest.paths import Refused, contained
from cortex_cli.manifest.schema import Manifest
from cortex_cli.manifest.tool_models import ToolBuild
from cortex_cli.manifest.wording import quoted

_MOST_BYTES = 1024 * 1024
_NAME = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*")
_QUOTES = ("'", '"')


class Placed(Protocol):
    """A manifest that lies in a folder."""

    @property
    def manifest(self) -> Manifest | None:
        """What it says; None if that can't be read."""
        ...

    @property
    def folder(self) -> Path:
        """Its paths are relative to it."""
        ...

    @property
    def document(self) -> Document:
        """Where things stand in it."""
        ...


class SettingsFiles:
    """Reads files that a manifest names; what is wrong with them is collected in `problems`."""

    def __init__(self, loaded: Placed, root: Path) -> None:
        """No file outside of the root, a real path, is read."""
        self.problems: list[Problem] = []
        self._loaded = loaded
        self._root = root

    def variables(self) -> dict[str, str]:
        """The declared variables and, before them, those of the `env_file`s, the last one winning.

        A dollar sign from a file is doubled, as what it holds are values and not references.
        """
        variables: dict[str, str] = {}
        if self._loaded.manifest is None:
            return variables
        environment = self._loaded.manifest.environment
        for text in environment.env_file:
            content = self._read(text, ("environment", "env_file"))
            for number, line in enumerate((content or "").splitlines(), start=1):
                variables |= self._assignment(line, number, text)
        return variables | environment.variables

    def check_prompts(self) -> None:
        """Look whether the prompt files of an agent are there."""
        manifest = self._loaded.manifest
        if not isinstance(manifest, AgentManifest):
            return
        persona = manifest.persona
        named = [("agent", persona.agent), ("user", persona.user), ("system", persona.system)]
        named += [("knowledge", text) for text in persona.knowledge]
        for name, text in named:
            path = ("persona", name)
            found = None if text is None else self._find(text, path)
            if found is not None and found.stat().st_size == 0:
                self._note(f"the file {quoted(text or '')} is empty", path)

    def text(self, text: str, path: tuple[Step, ...]) -> str | None:
        """What a file says; None, with a problem as the last, if it can't be read."""
        found = self._find(text, path)
        return None if found is None else self._content(found, text, path)

    def requirements(self, build: ToolBuild | None, path: tuple[Step, ...]) -> Path | None:
        """The real path of the requirements file of a build; None if that names no packages."""
        if build is None or not self.packages(build.requirements_file, path):
            return None
        return self._find(build.requirements_file, path)

    def packages(self, text: str, path: tuple[Step, ...]) -> list[str]:
        """The lines of a requirements file that name packages."""
        lines = (line.strip() for line in (self._read(text, path) or "").splitlines())
        return [line for line in lines if line and not line.startswith("#")]

    def _read(self, text: str, path: tuple[Step, ...]) -> str | None:
        """The text of a file; None, with a note or an error, if there is nothing to be read."""
        found = self._find(text, path)
        content = None if found is None else self._content(found, text, path)
        if content is not None and not content.strip():
            self._note(f"the file {quoted(text)} is empty", path)
        return content

    def _find(self, text: str, path: tuple[Step, ...]) -> Path | None:
        found = contained(text, self._loaded.folder, self._root)
        if isinstance(found, Path):
            return found
        if isinstance(found, Refused):
            message = f"the file {quoted(text)} {found.why}"
            self._add(Finding(code="refused_file", message=message, hint=found.hint, path=path))
        else:
            self._note(f"the file {quoted(text)} was not found", path)
        return None

    def _content(self, found: Path, text: str, path: tuple[Step, ...]) -> str | None:
        try:
            return read_bytes(found, text, _MOST_BYTES).decode("utf-8-sig")
        except ManifestError as error:
            reason = error.problems[0].message
        except UnicodeDecodeError:
            reason = "it is not UTF-8"
        message = f"the file {quoted(text)} cannot be used: {reason}"
        self._add(Finding(code="unusable_file", message=message, path=path))
        return None

    def _assignment(self, line: str, number: int, text: str) -> dict[str, str]:
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            return {}
        name, equals, value = stripped.partition("=")
        match = _NAME.fullmatch(name)
        if match is None or not equals:
            message = f"line {number} of {quoted(text)} is not of the form NAME=value"
            self._note(message, ("environment", "env_file"))
            return {}
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES:
            value = value[1:-1]
        return {match[1]: value.replace("$", "$$")}

    def _note(self, message: str, path: tuple[Step, ...]) -> None:
        self._add(Finding(severity=Severity.NOTE, code="settings_file", message=message, path=path))

    def _add(self, finding: Finding) -> None:
        self.problems += to_problems([finding], self._loaded.document)
