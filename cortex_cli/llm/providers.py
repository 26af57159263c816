"""From a connection to a model of pydantic-ai, and the HTTP client that it speaks through."""

from typing import Any, cast

import httpx2
from openai import AsyncOpenAI
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel

from cortex_cli.llm.connection import OLLAMA, Connection

_CONNECT_SECONDS = 10.0
_NO_KEY = "none"


def connect(connection: Connection, key: str | None) -> tuple[Model, httpx2.AsyncClient]:
    """The model and its HTTP client, which whoever calls this closes.

    Only connecting has a time limit here: how long an answer may take is the action's to say.
    """
    is_near = connection.is_on_this_machine
    http = httpx2.AsyncClient(
        timeout=httpx2.Timeout(None, connect=_CONNECT_SECONDS),
        trust_env=not is_near,
        # llama.cpp closes connections that it has promised to keep, now and then.
        limits=httpx2.Limits(max_keepalive_connections=0 if is_near else None),
    )
    match connection.provider:
        case "anthropic":
            return _anthropic(connection, key, http), http
        case "google":
            return _google(connection, key, http), http
        case _:
            return _openai(connection, key, http), http


def _openai(connection: Connection, key: str | None, http: httpx2.AsyncClient) -> Model:
    base_url = connection.base_url
    if base_url is None and connection.provider == "ollama":
        base_url = OLLAMA
    client = AsyncOpenAI(base_url=base_url, api_key=key or _NO_KEY, http_client=http, max_retries=0)
    if connection.provider == "ollama":
        from pydantic_ai.models.ollama import OllamaModel
        from pydantic_ai.providers.ollama import OllamaProvider

        return OllamaModel(connection.model, provider=OllamaProvider(openai_client=client))
    if base_url is None:
        from pydantic_ai.providers.openai import OpenAIProvider

        return OpenAIChatModel(connection.model, provider=OpenAIProvider(openai_client=client))
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    provider = OpenAICompatibleProvider(connection.provider, openai_client=client)
    return OpenAIChatModel(connection.model, provider=provider)


def _anthropic(connection: Connection, key: str | None, http: httpx2.AsyncClient) -> Model:
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    provider = AnthropicProvider(
        api_key=key or _NO_KEY, base_url=connection.base_url, http_client=http
    )
    cast(Any, provider).client.max_retries = 0
    return AnthropicModel(connection.model, provider=provider)


def _google(connection: Connection, key: str | None, http: httpx2.AsyncClient) -> Model:
    from pydantic_ai.models.google import GoogleModel
    from pydantic_ai.providers.google import GoogleProvider

    provider = GoogleProvider(
        api_key=key or _NO_KEY, base_url=connection.base_url, http_client=http
    )
    return GoogleModel(connection.model, provider=provider)
