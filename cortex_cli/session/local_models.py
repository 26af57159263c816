"""The models of a session, and where local ones are kept."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cortex_cli.engine.ports import ModelPiece, ModelRequest
from cortex_cli.manifest.models import CognitiveEngine
from cortex_cli.settings import Settings, state_folder
from cortex_cli.store.state import open_state_folder

if TYPE_CHECKING:
    from cortex_cli.llm import models as llm_models
    from cortex_cli.llm.models import Choice


class Models(Protocol):
    """The models that can be had, by name."""

    def choose(self, name: str | None, engine: CognitiveEngine | None = None) -> "Choice":
        """The model called `name`; SetupError if it can't be had."""
        ...

    async def aclose(self) -> None:
        """Close what those that were chosen have opened: connections, processes."""
        ...


class NoModels:
    """The models of a replay: whichever is chosen, none is needed, and none is asked."""

    def choose(self, name: str | None, engine: CognitiveEngine | None = None) -> "Choice":
        """Nobody."""
        from cortex_cli.llm.models import Choice

        del name, engine
        return Choice(client=_Nobody())

    async def aclose(self) -> None:
        """Nothing."""


class _Nobody:
    """Who answers in a replay: the record does."""

    name = "model"
    takes_tools = True

    def stream(self, request: ModelRequest) -> AsyncIterator[ModelPiece]:
        """Never called."""
        raise AssertionError(request)


@dataclass(slots=True)
class SessionModels:
    """The models that can be had with these settings and this environment.

    Nothing is imported for them before one is chosen.
    """

    settings: Settings
    environ: Mapping[str, str]
    _made: "llm_models.Models | None" = None

    def choose(self, name: str | None, engine: CognitiveEngine | None = None) -> "Choice":
        """The model called `name`, the same client each time; SetupError if it can't be had."""
        if self._made is None:
            self._made = self._make()
        return self._made.choose(name, engine)

    async def aclose(self) -> None:
        """Close what those that were chosen have opened."""
        if self._made is not None:
            await self._made.aclose()

    def _make(self) -> "llm_models.Models":
        from cortex_cli.llm.models import Models

        return Models(
            environ=self.environ,
            default=self.settings.model,
            base_url=self.settings.base_url,
            api_key_env=self.settings.api_key_env,
            folder=lambda: models_folder(self.environ),
        )


def models_folder(environ: Mapping[str, str]) -> Path:
    """Where local models are kept, in the state folder; SetupError if that can't be used."""
    return open_state_folder(open_state_folder(state_folder(environ)) / "models")
