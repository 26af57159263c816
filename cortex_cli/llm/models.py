"""Which models there are, by name."""

from cortex_cli.engine.ports import ModelClient
from cortex_cli.errors import SetupError
from cortex_cli.ids import did_you_mean
from cortex_cli.manifest.models import ModelChoice

DEFAULT = "default"
BUILTIN = "builtin/extractive"

_AVAILABLE = (BUILTIN,)


def resolve_model(name: str | None, choice: ModelChoice | None = None) -> ModelClient:
    """The client of a model called `provider/model`, or `builtin` for short.

    None and `default` mean the model that the manifest chose (`cognitive_engine.primary`), or
    without a choice the built-in one. SetupError, which says what is available, for any other.
    """
    wanted = name if name not in {None, DEFAULT} else _chosen(choice)
    if wanted in {BUILTIN, "builtin"}:
        from cortex_cli.llm.extractive import ExtractiveModel

        return ExtractiveModel()
    hint = did_you_mean(str(wanted), _AVAILABLE) or f"there is {', '.join(_AVAILABLE)}"
    message = f"the model '{wanted}' is not available"
    raise SetupError(message, hint=hint)


def _chosen(choice: ModelChoice | None) -> str:
    if choice is None:
        return BUILTIN
    return choice.provider if choice.model is None else f"{choice.provider}/{choice.model}"
