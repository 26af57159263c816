"""The models of a session, and where local ones are kept."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cortex_cli.settings import Settings, state_folder
from cortex_cli.store.state import open_state_folder

if TYPE_CHECKING:
    from cortex_cli.llm.models import Models


def models_of(settings: Settings, environ: Mapping[str, str]) -> "Models":
    """The models that can be had with these settings and this environment."""
    from cortex_cli.llm.models import Models

    return Models(
        environ=environ,
        default=settings.model,
        base_url=settings.base_url,
        api_key_env=settings.api_key_env,
        folder=lambda: models_folder(environ),
    )


def models_folder(environ: Mapping[str, str]) -> Path:
    """Where local models are kept, in the state folder; SetupError if that can't be used."""
    return open_state_folder(open_state_folder(state_folder(environ)) / "models")
