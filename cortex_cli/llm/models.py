"""Which models there are, by name, and how each is reached."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from cortex_cli.engine.ports import ModelClient
from cortex_cli.errors import SetupError
from cortex_cli.ids import did_you_mean
from cortex_cli.llm.connection import THREE_WAYS, Connection, parse_model
from cortex_cli.manifest.models import CognitiveEngine, ModelChoice

DEFAULT = "default"
BUILTIN = "builtin/extractive"
LOCAL = "local"

_BUILTIN = {BUILTIN, "builtin", "builtin:extractive"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The model of an action, and the one that takes over where it cannot answer.

    `note` says why it is not the model that was asked for, if it isn't.
    """

    client: ModelClient
    fallback: ModelClient | None = None
    note: str | None = None


@dataclass(slots=True, kw_only=True)
class Models:
    """The models that can be had here; each is one client, however often it is asked for.

    `default` is a name, `base_url` and `api_key_env` say how models of its provider are reached.
    `folder` gives the folder of local models when one is needed.
    """

    environ: Mapping[str, str]
    default: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    folder: Callable[[], Path] | None = None
    _clients: dict[Connection, ModelClient] = field(default_factory=dict[Connection, ModelClient])

    def choose(self, name: str | None, engine: CognitiveEngine | None = None) -> Choice:
        """The model called `name`; SetupError, which says how to get one, if it can't be had.

        None and `default` mean the first of these that is given: the primary model of the `engine`
        (its fallback takes over), the default of the settings, the built-in one.
        """
        engine = engine or CognitiveEngine()
        if name not in {None, DEFAULT}:
            return Choice(client=self._client(self._named(str(name), engine)))
        if engine.primary is None:
            return Choice(client=self._client(self._named(self.default or BUILTIN, engine)))
        return self._with_fallback(engine.primary, engine.fallback)

    async def aclose(self) -> None:
        """Close what the clients have opened."""
        for client in self._clients.values():
            closer = getattr(client, "aclose", None)
            if closer is not None:
                await closer()

    def _with_fallback(self, primary: ModelChoice, fallback: ModelChoice | None) -> Choice:
        if fallback is None:
            return Choice(client=self._client(self._chosen(primary)))
        try:
            client = self._client(self._chosen(primary))
        except SetupError as error:
            return Choice(client=self._client(self._chosen(fallback)), note=str(error.args[0]))
        try:
            return Choice(client=client, fallback=self._client(self._chosen(fallback)))
        except SetupError as error:
            return Choice(client=client, note=f"there is no fallback: {error.args[0]}")

    def _client(self, connection: Connection | None) -> ModelClient:
        if connection is None:
            from cortex_cli.llm.extractive import ExtractiveModel

            return ExtractiveModel()
        client = self._clients.get(connection)
        if client is None:
            client = self._clients[connection] = self._make(connection)
        return client

    def _make(self, connection: Connection) -> ModelClient:
        if connection.provider == LOCAL and connection.base_url is None:
            return self._local(connection)
        from cortex_cli.llm.remote import RemoteModel

        return RemoteModel(connection, self.environ)

    def _local(self, connection: Connection) -> ModelClient:
        from cortex_cli.llm.local import LocalModel
        from cortex_cli.llm.weights import Shelf

        if self.folder is None:
            message = f"there is no folder for the model '{connection.name}'"
            raise SetupError(message, hint=THREE_WAYS)
        return LocalModel(connection.name, Shelf(self.folder()).path_of(connection.model))

    def _named(self, name: str, engine: CognitiveEngine) -> Connection | None:
        """How the model of that name is reached; None for the built-in one."""
        if name in _BUILTIN:
            return None
        connection = parse_model(name)
        if connection is None or connection.provider == "builtin":
            message = f"the model '{name}' is not available"
            hint = did_you_mean(name, [*_BUILTIN, DEFAULT]) or f"write provider:model; {THREE_WAYS}"
            raise SetupError(message, hint=hint)
        for choice in (engine.primary, engine.fallback):
            if choice is not None and choice.provider == connection.provider:
                return self._settled(replace(_connection(choice), model=connection.model))
        return self._settled(connection)

    def _chosen(self, choice: ModelChoice) -> Connection | None:
        if choice.provider == "builtin":
            return self._named(f"builtin:{choice.model or 'extractive'}", CognitiveEngine())
        if choice.model is None:
            message = f"'cognitive_engine' names the provider '{choice.provider}' and no model"
            raise SetupError(message)
        return self._settled(_connection(choice))

    def _settled(self, connection: Connection) -> Connection:
        """The connection, reached as the settings say where nothing nearer says it."""
        known = parse_model(self.default or "")
        if connection.base_url or known is None or known.provider != connection.provider:
            return connection
        key = connection.api_key_env or self.api_key_env
        return replace(connection, base_url=self.base_url, api_key_env=key)


def _connection(choice: ModelChoice) -> Connection:
    return Connection(
        provider=choice.provider,
        model=choice.model or "",
        base_url=choice.base_url,
        api_key_env=choice.api_key_env,
    )
