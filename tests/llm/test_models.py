from pathlib import Path
from typing import Any

import pytest

from cortex_cli.errors import SetupError, UsageError
from cortex_cli.llm.connection import Connection, parse_model
from cortex_cli.llm.models import Models
from cortex_cli.manifest.models import CognitiveEngine, ModelChoice

pytest.importorskip("pydantic_ai", reason="needs the extra 'llm'")

HERE = "http://127.0.0.1:9/v1"


def engine(primary: Any = None, fallback: Any = None) -> CognitiveEngine:
    chosen = [None if one is None else ModelChoice(**one) for one in (primary, fallback)]
    return CognitiveEngine(primary=chosen[0], fallback=chosen[1])


def reached(models: Models, name: str | None, chosen: CognitiveEngine | None = None) -> Connection:
    """How the client of a model reaches it."""
    client: Any = models.choose(name, chosen).client
    return client._connection


@pytest.mark.parametrize("name", [None, "default", "builtin", "builtin/extractive"])
def test_the_built_in_model_is_always_there(name: str | None) -> None:
    choice = Models(environ={}).choose(name)
    assert choice.client.name == "builtin/extractive"
    assert (choice.fallback, choice.note) == (None, None)


@pytest.mark.parametrize("model", [None, "extractive"])
def test_default_is_what_the_manifest_chose(model: str | None) -> None:
    models = Models(environ={}, default="openai:gpt")
    chosen = engine({"provider": "builtin", "model": model})
    assert models.choose("default", chosen).client.name == "builtin/extractive"


def test_a_name_is_a_provider_and_a_model_which_may_hold_colons() -> None:
    assert parse_model("ollama:llama3.2:1b") == Connection(provider="ollama", model="llama3.2:1b")
    for name in ("openai", "openai:", ":gpt", ""):
        assert parse_model(name) is None


def test_a_model_that_can_not_be_had_is_an_error_that_says_how_to_get_one() -> None:
    models = Models(environ={})
    with pytest.raises(SetupError, match="'openai/gpt' is not available; write provider:mo") as e:
        models.choose("openai/gpt")
    assert e.value.exit_code == 3
    with pytest.raises(SetupError, match="did you mean 'builtin/extractive'"):
        models.choose("builtin/extractiv")
    with pytest.raises(SetupError, match="OPENAI_API_KEY is not set; there are three ways"):
        models.choose(None, engine({"provider": "openai", "model": "gpt"}))
    with pytest.raises(SetupError, match="names the provider 'openai' and no model"):
        models.choose(None, engine({"provider": "openai"}))
    with pytest.raises(SetupError, match="is not available"):
        models.choose(None, engine({"provider": "builtin", "model": "clever"}))


def test_the_settings_name_the_default_and_how_its_provider_is_reached() -> None:
    models = Models(environ={"K": "k"}, default="acme:big", base_url=HERE, api_key_env="K")
    expected = Connection(provider="acme", model="big", base_url=HERE, api_key_env="K")
    assert reached(models, None) == expected
    assert reached(models, "acme:small").model == "small"
    assert reached(models, "acme:small").base_url == HERE
    chosen = engine({"provider": "acme", "model": "other"})
    assert reached(models, None, chosen).base_url == HERE
    with pytest.raises(SetupError, match="no provider 'zeta'"):
        models.choose("zeta:m")


def test_a_manifest_says_how_the_providers_that_it_names_are_reached() -> None:
    models = Models(environ={}, default="acme:big", base_url="http://elsewhere/v1")
    chosen = engine(
        {"provider": "ollama", "model": "m"}, {"provider": "acme", "model": "n", "base_url": HERE}
    )
    assert reached(models, "acme:small", chosen).base_url == HERE
    choice = models.choose("default", chosen)
    assert choice.client.name == "ollama:m"
    assert choice.fallback is not None
    assert choice.fallback.name == "acme:n"
    assert models.choose("ollama:other", chosen).fallback is None


def test_the_fallback_stands_in_for_a_model_that_can_not_be_had() -> None:
    models = Models(environ={})
    gone, there = {"provider": "openai", "model": "gpt"}, {"provider": "ollama", "model": "m"}
    choice = models.choose(None, engine(gone, there))
    assert choice.client.name == "ollama:m"
    assert choice.note == "the model 'openai:gpt' needs a key, and OPENAI_API_KEY is not set"
    choice = models.choose(None, engine(there, gone))
    assert (choice.client.name, choice.fallback) == ("ollama:m", None)
    assert choice.note is not None
    assert choice.note.startswith("there is no fallback: the model 'openai:gpt' needs a key")
    with pytest.raises(SetupError):
        models.choose(None, engine(gone, gone))


def test_a_model_is_one_client_however_often_it_is_asked_for() -> None:
    models = Models(environ={})
    assert models.choose("ollama:m").client is models.choose("ollama:m").client
    assert models.choose("ollama:m").client is not models.choose("ollama:n").client


async def test_closing_closes_all_clients() -> None:
    models = Models(environ={})
    models.choose("ollama:m")
    models.choose(None)
    await models.aclose()


def test_a_local_model_needs_a_folder_and_a_file_in_it(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no folder for the model 'local:smollm2'"):
        Models(environ={}).choose("local:smollm2")
    models = Models(environ={}, folder=lambda: tmp_path)
    with pytest.raises(SetupError, match="is not here yet; cortex models pull smollm2"):
        models.choose("local:smollm2")
    with pytest.raises(UsageError, match="did you mean 'smollm2'"):
        models.choose("local:smollm")
