"""Where a model is: its provider, its name there, and how it is reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from cortex_cli.errors import SetupError

# Of each provider that needs no `base_url`: the variables that may hold its key, and the package
# that it needs besides the extra `llm`.
KEYS: Mapping[str, tuple[str, ...]] = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "google": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    "ollama": (),
}
PACKAGES = {"anthropic": "anthropic", "google": "google.genai"}
OLLAMA = "http://localhost:11434/v1"

THREE_WAYS = (
    "there are three ways to get a model: an endpoint (the extra 'llm', then 'model' and"
    " 'base_url' in cortex.toml), a local model (the extra 'local', then cortex models pull"
    " smollm2), or a ScriptedLLM or ScriptedServer of cortex_cli.testing"
)

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A model and how it is reached: the key is in the variable `api_key_env`, if that is given.

    With a `base_url`, any provider other than `anthropic` and `google` speaks the OpenAI API.
    """

    provider: str
    model: str
    base_url: str | None = None
    api_key_env: str | None = None

    @property
    def name(self) -> str:
        """What the model is called in events and reports: `provider:model`."""
        return f"{self.provider}:{self.model}"

    @property
    def is_on_this_machine(self) -> bool:
        """Whether it is reached over the loopback interface, where no proxy belongs."""
        return self.base_url is not None and urlsplit(self.base_url).hostname in _LOOPBACK

    def key(self, environ: Mapping[str, str]) -> str | None:
        """The key, None where none is needed; SetupError if it is not set.

        A provider's usual variables are looked at only for its own address, so that a key is
        never sent to another.
        """
        names = KEYS.get(self.provider, ()) if self.base_url is None else ()
        if self.api_key_env is not None:
            names = (self.api_key_env,)
        for name in names:
            if environ.get(name):
                return environ[name]
        if names:
            message = f"the model '{self.name}' needs a key, and {' or '.join(names)} is not set"
            raise SetupError(message, hint=THREE_WAYS)
        return None


def parse_model(name: str) -> Connection | None:
    """The model called `provider:model`; None if the name is not of that form."""
    provider, colon, model = name.partition(":")
    is_name = bool(colon and provider and model)
    return Connection(provider=provider, model=model) if is_name else None
