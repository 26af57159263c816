import pytest

from cortex_cli.errors import SetupError
from cortex_cli.llm.models import resolve_model
from cortex_cli.manifest.models import ModelChoice


@pytest.mark.parametrize("name", [None, "default", "builtin", "builtin/extractive"])
def test_the_built_in_model_is_always_there(name: str | None) -> None:
    assert resolve_model(name).name == "builtin/extractive"


@pytest.mark.parametrize("model", [None, "extractive"])
def test_default_is_what_the_manifest_chose(model: str | None) -> None:
    choice = ModelChoice(provider="builtin", model=model)
    assert resolve_model("default", choice).name == "builtin/extractive"


def test_a_model_that_is_not_there_is_an_error_that_says_what_is() -> None:
    with pytest.raises(SetupError, match="'openai/gpt' is not available; there is builtin") as e:
        resolve_model("openai/gpt")
    assert e.value.exit_code == 3
    with pytest.raises(SetupError, match="did you mean 'builtin/extractive'"):
        resolve_model("builtin/extractiv")
    with pytest.raises(SetupError, match="'google/gemini'"):
        resolve_model(None, ModelChoice(provider="google", model="gemini"))
