"""The weights of the real local model, where they are."""

import os
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from cortex_cli.errors import SetupError
from cortex_cli.llm.weights import Shelf
from cortex_cli.settings import state_folder


def pytest_collection_finish() -> None:
    """Import what is large, and stays, before all that is there is left out of collection."""
    for provider in ("openai", "anthropic", "google"):
        with suppress(ImportError):
            import_module(f"pydantic_ai.models.{provider}")


@pytest.fixture
def weights() -> Path:
    """The file of SmolLM2 in the user's own state folder; without it the test is skipped."""
    if find_spec("xllamacpp") is None or find_spec("pydantic_ai") is None:
        pytest.skip("needs the extra 'local'")
    try:
        return Shelf(state_folder(os.environ) / "models").path_of("smollm2")
    except SetupError as error:
        pytest.skip(str(error))
