"""Sample tools, run as cortex runs them: a process, JSON in, JSON out."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

MANIFESTS = Path(__file__).parents[2] / "manifests"


@dataclass(frozen=True)
class Answer:
    exit_code: int
    output: Any
    stderr: str

    @property
    def error(self) -> str:
        return self.stderr.splitlines()[-1]


CallTool = Callable[..., Answer]


@pytest.fixture
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a child gets: no GIT_* variables, and a home without a git configuration."""
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path_factory.mktemp("home"))}


@pytest.fixture
def call_tool(environment: dict[str, str]) -> CallTool:
    def call(
        name: str,
        *,
        cwd: Path | None = None,
        stdin: bool = False,
        env: dict[str, str] | None = None,
        **parameters: Any,
    ) -> Answer:
        script = MANIFESTS / "tools" / name / "main.py"
        given = json.dumps(parameters)
        done = subprocess.run(
            [sys.executable, str(script), *([] if stdin else [given])],
            input=given if stdin else "",
            cwd=cwd or script.parent,
            env={**environment, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        output = json.loads(done.stdout) if done.stdout else None
        return Answer(done.returncode, output, done.stderr)

    return call


@pytest.fixture
def page(call_tool: CallTool) -> dict[str, Any]:
    return call_tool("fetch_source", cwd=MANIFESTS, source="corpus/agent_loops.html").output


@pytest.fixture
def papers(call_tool: CallTool) -> dict[str, Any]:
    return call_tool(
        "fetch_source", cwd=MANIFESTS, source="corpus/papers.atom.xml", as_feed=True
    ).output


@pytest.fixture
def news(call_tool: CallTool) -> dict[str, Any]:
    return call_tool(
        "fetch_source", cwd=MANIFESTS, source="corpus/news.rss.xml", as_feed=True
    ).output


class Checkout:
    """A git repository made for one test."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.root = root
        self._environment = environment
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, author: str = "Ada") -> None:
        who = ("-c", f"user.name={author}", "-c", f"user.email={author}@example.org")
        subprocess.run(
            ["git", *who, *arguments],
            cwd=self.root,
            env=self._environment,
            check=True,
            capture_output=True,
        )

    def write(self, files: dict[str, str | bytes]) -> None:
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "--all")

    def commit(self, files: dict[str, str | bytes], *, author: str = "Ada") -> None:
        self.write(files)
        self.git("commit", "--quiet", "--message=change", author=author)


@pytest.fixture
def checkout(tmp_path: Path, environment: dict[str, str]) -> Checkout:
    root = tmp_path / "project"
    root.mkdir()
    return Checkout(root, environment)


@pytest.fixture
def probe(call_tool: CallTool, checkout: Checkout) -> Callable[..., Any]:
    def measure(name: str, **parameters: Any) -> Any:
        answer = call_tool(name, root=str(checkout.root), **parameters)
        assert answer.exit_code == 0, answer.stderr
        return answer.output

    return measure
