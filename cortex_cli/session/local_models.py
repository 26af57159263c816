"""The models of a session, and where local ones are kept."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cortex_cli.engine.ports import ModelPiece, ModelRequest
from cortex_cli.manifest.models import CognitiveEngine
from cortex_cli.settings import Settings, state_folder
from cortex_cli.store.state import open_state_folder

if TYPE_CHECKING:
    from cortex_cli.llm.models import Choice


class Models(Protocol):
    """The models that can be had, by name."""

    def choose(self, name: str | None, engine: CognitiveEngine | None = None) -> "Choice":
        """The model called `name`; SetupError if it can't be had."""
        ...


class NoModels:
    """The models of a replay: whichever is chosen, none is needed, and none is asked."""

    def choose(self, name: str | None, engine: CognitiveEngine | None = None) -> "Choice":
        """Nobody."""
        from cortex_cli.llm.models import Choice

        del name, engine
        return Choice(client=_Nobody())


class _Nobody:
    """Who answers in a replay: the record does."""

    name = "model"
    takes_tools = True

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """Never called."""
        raise AssertionError(request)


def models_of(settings: Settings, environ: Mapping[str, str]) -> Models:
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
