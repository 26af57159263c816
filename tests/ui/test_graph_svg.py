import os
import re
import sys
from pathlib import Path

import pytest

from cortex_cli.errors import SetupError
from cortex_cli.ui.graph_dot import to_dot
from cortex_cli.ui.graph_svg import find_program, render_svg
from tests.ui.plans import layered, research_assistant


def program(path: Path, script: str) -> str:
    """A program that stands in for Graphviz."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_the_example_is_drawn() -> None:
    svg = render_svg(to_dot(research_assistant())).decode()
    assert svg.startswith("<?xml")
    assert svg.rstrip().endswith("</svg>")
    assert svg.count('class="node"') == 10
    assert svg.count('class="edge"') == 10


def test_three_thousand_actions_are_drawn() -> None:
    assert render_svg(to_dot(layered(300, 10))).count(b'class="node"') == 3_000


def test_a_graph_that_cannot_be_read_is_an_error_with_the_last_words() -> None:
    with pytest.raises(SetupError, match=r"failed to draw the graph: .*syntax error"):
        render_svg("digraph {")


def test_a_program_that_fails_silently_is_an_error(tmp_path: Path) -> None:
    mute = program(tmp_path / "dot", "exit 3")
    with pytest.raises(SetupError, match="dot failed to draw the graph: it didn't say why"):
        render_svg("digraph {}", program=mute)


def test_a_program_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    held_open = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    hanging = program(tmp_path / "dot", f"exec 9> {held}; sleep 1000 & sleep 1000")
    with pytest.raises(SetupError, match=r"dot took more than 0\.5 s"):
        render_svg("digraph {}", program=hanging, timeout_seconds=0.5)
    os.set_blocking(held_open, True)
    assert os.read(held_open, 1) == b"", "the pipe ends once nobody holds it"
    os.close(held_open)


def test_a_program_that_does_not_start_is_an_error_that_names_the_extra(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=re.escape("[viz]")) as caught:
        render_svg("digraph {}", program=str(tmp_path / "dot"))
    assert "dot can't be started: No such file" in str(caught.value)


def test_a_program_sees_a_clean_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORTEX_TEST_SECRET", "hunter22")
    shows = program(tmp_path / "dot", "cat > /dev/null; env")
    assert b"hunter22" not in render_svg("digraph {}", program=shows)


def test_the_bundled_program_is_preferred_to_the_systems(tmp_path: Path) -> None:
    ours = program(tmp_path / "scripts" / "graphviz-pure", "")
    on_path = program(tmp_path / "bin" / "graphviz-pure", "")
    system = program(tmp_path / "system" / "dot", "")
    scripts, bin_path = tmp_path / "scripts", f"{tmp_path / 'bin'}:{tmp_path / 'system'}"
    assert find_program(scripts, bin_path) == ours
    assert find_program(tmp_path, bin_path) == on_path
    assert find_program(tmp_path, str(tmp_path / "system")) == system


def test_by_default_the_program_is_that_of_this_environment() -> None:
    assert Path(find_program()).parent == Path(sys.executable).parent


def test_no_program_at_all_is_an_error_that_names_the_extra(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="neither graphviz-pure nor dot was found") as caught:
        find_program(tmp_path, str(tmp_path))
    assert caught.value.hint == "pip install 'cortex-agent-loop[viz]'"
    assert caught.value.exit_code == 3
